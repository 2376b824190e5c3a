"""What starts exports: the hooks in lakeFS, the webhook service, the job reconcile."""
