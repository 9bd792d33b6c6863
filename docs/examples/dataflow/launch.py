"""What a Flex Template starts: the main job, with the parameters of metadata.json as its flags."""

import sys

from pipelines.cli import leave, main

if __name__ == "__main__":
    leave(main(["transcribe", *sys.argv[1:]]))
