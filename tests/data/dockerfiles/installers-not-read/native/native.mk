install:
	cp a b
