"""What can be wrong with an archive."""


class ArchiveError(Exception):
    """An archive that can't be read; the text names it, and stands alone."""
