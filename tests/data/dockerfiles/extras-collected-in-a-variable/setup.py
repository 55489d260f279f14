from setuptools import setup
setup(name='factory', extras_require={'metrics': ['nltk']})
