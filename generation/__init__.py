"""What is composed: instruments, composer models, compositions and the worker's part of the product."""
