"""The tutorial's two bare scripts, as it describes them: what the pipeline is compared with."""
