"""From a round's inputs to its result, and back from a folder to the inputs."""
