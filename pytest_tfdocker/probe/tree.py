# All that the programs beside it look at: the file system they run in, and its environment. Where
# nothing can be run, the host puts the listing of an image's files in place of this module.
import os

environ = os.environ
exists = os.path.exists
is_file = os.path.isfile
is_folder = os.path.isdir
real = os.path.realpath
expanded = os.path.expanduser
here = os.getcwd


def opened(path):
    """A file, to read bytes from; raises OSError."""
    return open(path, "rb")


def names(folder):
    """What a folder holds, sorted; nothing of a zip archive, or of one that can't be listed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def is_program(path):
    return os.access(path, os.X_OK) and not os.path.isdir(path)
