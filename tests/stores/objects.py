"""What the tests on stores do with objects and requests."""

from transforms import storage


def put(folder, *names, data=b"sound"):
    """Writes an object of each name; returns their paths."""
    paths = [storage.join(folder, name) for name in names]
    for path in paths:
        storage.write_whole(path, data)
    return paths


def requests_of(proxy):
    """What a proxy was asked, without the look at the bucket that Google's client takes for its own traces."""
    return [request for request in proxy.requests if not request.startswith("GET /storage/v1/b/calls?")]
