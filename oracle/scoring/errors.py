"""The one error of the scoring room."""


class ScoringError(ValueError):
    """Input that cannot be scored.

    ``code`` is stable and listed in docs/scoring.md; ``models`` holds the row indices of the
    models at fault, empty where the fault is not a model's.
    """

    def __init__(self, code: str, message: str, models: tuple[int, ...] = ()) -> None:
        super().__init__(code, message, models)
        self.code = code
        self.message = message
        self.models = models

    def __str__(self) -> str:
        return self.message
