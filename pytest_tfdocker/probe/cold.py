# Has the kernel forget the pages of files, so that they count for whoever reads them first, as they
# do on a machine that has never run the image.
import os


def drop(paths):
    """Of files that can be read. What another process has mapped, the kernel keeps."""
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            pass
        os.close(fd)
