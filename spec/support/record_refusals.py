"""Records what boto3 says of invalid calls and of error responses."""

import base64

from botocore.exceptions import ClientError, ParamValidationError

from record_tags import b64, encode
from record_wire import answer

# Where boto3's response has no such key at all, which is not None.
ABSENT = {"$absent": True}


def _type_name(name):
    """`<class 'str'>` as `str`; other languages have their own names."""
    return name.replace("<class '", "").replace("'>", "")


def _described(param):
    """The pieces that tell of an offending value."""
    return {"param": encode(param), "param_type": type(param).__name__,
            "param_text": str(param)}


def _piece(reason, name, details):
    """One finding of boto3's validator, in pieces."""
    piece = {"reason": reason, "name": name.lstrip(".") or "input"}
    if "param" in details:
        piece.update(_described(details["param"]))
    if "valid_types" in details:
        piece["valid_types"] = [
            _type_name(str(kind)) for kind in details["valid_types"]]
    for key in ("min_allowed", "required_name", "unknown_param"):
        if key in details:
            piece[key] = details[key]
    if "valid_names" in details:
        piece["valid_names"] = list(details["valid_names"])
    if "type_error" in details:
        err = details["type_error"]
        piece["type_error"] = {"class": type(err).__name__, "text": str(err)}
    return piece


def validated(recorder, case):
    """The "expected" of a validation/1 case."""
    try:
        recorder.call(case)
    except ParamValidationError as err:
        return {
            "class": type(err).__name__,
            "text": str(err),
            "report": err.kwargs["report"],
            "errors": [_piece(*found)
                       for found in recorder.tap.validation_errors],
        }
    return {"accepted": True}


def _service_error(err):
    """What is known of an error that the service sent."""
    metadata = err.response["ResponseMetadata"]
    error = err.response.get("Error", {})
    members = {key: encode(value) for key, value in err.response.items()
               if key not in ("Error", "ResponseMetadata")}
    return {
        "class": type(err).__name__,
        "text": str(err),
        "code": encode(error["Code"]) if "Code" in error else ABSENT,
        "message": encode(error["Message"]) if "Message" in error else ABSENT,
        "status": metadata["HTTPStatusCode"],
        "request_id": metadata.get("RequestId"),
        "modeled_members": members,
        "is_modeled_class": type(err) is not ClientError,
    }


def refused(recorder, case):
    """The "expected" of an errors/1 case."""
    response = case["response"]
    body = base64.b64decode(response["body_base64"])
    wire = answer(response["status"], response["headers"], body)
    try:
        result = recorder.call(case, wire)
    except ClientError as err:
        return _service_error(err)
    except Exception as err:      # an accident within botocore
        return {"class": type(err).__name__, "text": str(err),
                "not_a_client_error": True}
    status = result["ResponseMetadata"]["HTTPStatusCode"]
    return {"success": True, "status": status}


def canned(status, headers, body):
    """An error response in the form the collections hold it."""
    raw = body if isinstance(body, bytes) else body.encode("utf-8")
    response = {"status": status, "headers": [list(h) for h in headers],
                "body_base64": b64(raw)}
    if isinstance(body, str):
        response["body_text"] = body
    return response
