"""The S3 gateway: its calls, signatures, bodies and errors."""
