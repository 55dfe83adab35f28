"""The JSON of the API as types: what each verb takes and answers, wherever it is asked from."""
