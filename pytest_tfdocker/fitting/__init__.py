"""`--tfdocker-fit`: the smallest memory limit of a smoke, and the one to set."""
