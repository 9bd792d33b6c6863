"""The one exception class for everything that the user can mend."""


class BeamscribeError(Exception):
    """Something the user can mend. Its message is one line that names the thing and the mend."""
