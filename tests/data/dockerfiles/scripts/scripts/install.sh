#!/bin/sh
pip install numpy
