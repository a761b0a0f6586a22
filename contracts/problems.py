"""Every error of the API, one line each: slug, status, title (RFC 9457; the type is `/problems/<slug>`)."""

from dataclasses import dataclass

from contracts.events import Json


@dataclass(frozen=True, slots=True)
class ProblemType:
    slug: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.slug}"


PROBLEM_TYPES = (
    # The request
    ProblemType("malformed-request", 400, "The request cannot be read"),
    ProblemType("unauthenticated", 401, "No valid credentials were sent"),
    ProblemType("account-disabled", 401, "This account is disabled"),
    ProblemType("wrong-password", 403, "This is not the account's password"),
    ProblemType("forbidden", 403, "These credentials do not allow this"),
    ProblemType("not-found", 404, "There is nothing here"),
    ProblemType("method-not-allowed", 405, "This address does not take this method"),
    ProblemType("request-timeout", 408, "The request took too long to arrive"),
    ProblemType("invalid-request", 422, "The request breaks a rule of this address"),
    ProblemType("idempotency-key-reuse", 422, "This Idempotency-Key was used for another request"),
    ProblemType("length-required", 411, "The request must say how long it is"),
    ProblemType("rate-limited", 429, "Too many requests"),
    # Versions
    ProblemType("version-required", 428, "Say which version you are changing: send If-Match"),
    ProblemType("version-mismatch", 412, "The image has changed since you read it"),
    ProblemType("image-not-deleted", 409, "Only a deleted image can be restored"),
    # Accounts
    ProblemType("username-taken", 409, "Another account has this name"),
    ProblemType("password-changed", 409, "The password was changed at the same moment"),
    ProblemType("too-many-api-keys", 409, "An account has at most 100 API keys"),
    ProblemType("webhook-secret-rotated", 409, "The secret was rotated at the same moment"),
    # What could not be read
    ProblemType("dead-letter-settled", 409, "The dead letter does not wait for that any more"),
    # The bytes
    ProblemType("too-large", 413, "There are more bytes than are accepted"),
    ProblemType("upload-missing", 409, "The bytes have not been put yet"),
    ProblemType("upload-mismatch", 422, "The bytes are not those that were announced"),
    ProblemType("unsupported-media-type", 415, "These bytes are not an accepted kind of image"),
    ProblemType("empty-upload", 422, "The upload holds no bytes"),
    ProblemType("undecodable-image", 422, "The image is damaged"),
    ProblemType("too-many-pixels", 422, "The image has too many pixels"),
    ProblemType("too-many-frames", 422, "The animation has too many frames"),
    ProblemType("range-not-satisfiable", 416, "The image has no such bytes"),
    ProblemType("corrupt-object", 502, "The stored bytes are not the ones uploaded"),
    # Addresses that users name
    ProblemType("url-not-allowed", 422, "Framelog may not call this address"),
    ProblemType("fetch-failed", 422, "The address could not be downloaded"),
    # Analysis
    ProblemType("decode-timeout", 422, "The image takes too long to decode"),
    ProblemType("decode-memory", 422, "The image takes too much memory to decode"),
    ProblemType("decoder-died", 422, "The decoder ended while it read this image"),
    ProblemType("algorithm-disabled", 422, "This algorithm is not enabled"),
    ProblemType("algorithm-failed", 422, "The algorithm could not finish"),
    ProblemType("service-unavailable", 503, "The service that was asked did not answer for too long: ask again"),
    ProblemType("version-promoted", 409, "Another version was promoted meanwhile"),
    ProblemType("job-not-finished", 409, "The job has not ended yet"),
    ProblemType("job-failed", 422, "The job failed, and has made nothing"),
    ProblemType("invalid-params", 422, "The params do not fit the algorithm's schema"),
    ProblemType("object-missing", 422, "The image's bytes are not in object storage"),
    # Framelog itself
    ProblemType("internal-error", 500, "Framelog made a mistake"),
    ProblemType("unavailable", 503, "A part of Framelog is down or overloaded"),
    ProblemType("behind", 503, "The read model has not caught up yet"),
    ProblemType("outcome-unknown", 503, "The log did not confirm in time: send the same request again"),
)
BY_SLUG = {problem.slug: problem for problem in PROBLEM_TYPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong at one place of a body, as a JSON pointer."""

    pointer: str
    detail: str


class Problem(Exception):
    """An answer that is an error. Raise it anywhere behind a route; the adapter turns it into problem+json."""

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        **members: Json,
    ) -> None:
        super().__init__(f"{slug}: {detail}")
        self.type = BY_SLUG[slug]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.members = members


def invalid(*errors: FieldError) -> Problem:
    """The Problem `invalid-request`, which names each place at fault."""
    detail = "; ".join(f"{one.pointer or 'the body'}: {one.detail}" for one in errors[:5])
    return Problem("invalid-request", detail, errors=errors)
