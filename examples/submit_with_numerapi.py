"""Submits a file by Numerai's own client, unmodified: only its address is another one.

    ASSAY_TOKEN='PUBLIC_ID$SECRET' python examples/submit_with_numerapi.py live.csv --model my-model

The owner of the model lets the server sign for him first: ``assay account allow``.
"""

import argparse
import os

from numerapi import NumerAPI, base_api


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--model", required=True, help="its name")
    parser.add_argument("--server", default=os.environ.get("ASSAY_SERVER"), help="its address")
    given = parser.parse_args()
    public_id, _, secret = os.environ.get("ASSAY_TOKEN", "").partition("$")
    if not given.server or not secret:
        parser.error("name a server (--server, or ASSAY_SERVER), and set ASSAY_TOKEN")
    base_api.API_TOURNAMENT_URL = given.server
    napi = NumerAPI(public_id, secret, verbosity="warning")
    models = napi.get_models()
    if given.model not in models:
        parser.error(f"no model of yours is called so: {', '.join(models) or 'you have none'}")
    submission = napi.upload_predictions(given.file, model_id=models[given.model])
    print("submission", submission, "for round", napi.get_current_round())


if __name__ == "__main__":
    main()
