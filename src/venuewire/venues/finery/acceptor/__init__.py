"""The far end, for the sandbox: what the venue takes, answers, tells and refuses."""
