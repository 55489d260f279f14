#!/bin/sh
apt-get install -y fonts-dejavu
