#include "virga/dialects/aws/s3/errors.h"

#include "virga/dialects/aws/xml.h"
#include "virga/services/object/faults.h"

namespace virga::dialects::aws::s3 {

namespace object = services::object;

namespace {

Refusal make(int status, std::string_view code, std::string message) {
  Refusal refusal;
  refusal.status = status;
  refusal.code = code;
  refusal.message = std::move(message);
  return refusal;
}

}  // namespace

std::unexpected<Refusal> refuse(int status, std::string_view code, std::string message) {
  return std::unexpected(make(status, code, std::move(message)));
}
std::unexpected<Refusal> malformed_xml(std::string_view why) {
  return refuse(
      400, "MalformedXML",
      "The XML you provided was not well-formed or did not validate against our published schema: " + std::string(why));
}
std::unexpected<Refusal> invalid_argument(std::string message) {
  return refuse(400, "InvalidArgument", std::move(message));
}
std::unexpected<Refusal> invalid_request(std::string message) {
  return refuse(400, "InvalidRequest", std::move(message));
}

Refusal as_refusal(const Error& error) {
  auto [fault, view] = object::read_fault(error);
  std::string text(view);
  switch (fault) {
    case object::Fault::NoSuchBucket:
      return make(404, "NoSuchBucket", "The specified bucket does not exist: " + text);
    case object::Fault::NoSuchKey:
    case object::Fault::DeleteMarker:
      return make(404, "NoSuchKey", "The specified key does not exist.");
    case object::Fault::NoSuchVersion:
      return make(404, "NoSuchVersion", text);
    case object::Fault::NoSuchUpload:
      return make(404, "NoSuchUpload", "The specified upload does not exist: " + text);
    case object::Fault::MarkerNamed:
      return make(405, "MethodNotAllowed", "The specified method is not allowed against a delete marker.");
    case object::Fault::BucketExists:
      return make(409, "BucketAlreadyOwnedByYou",
                  "Your previous request to create the named bucket succeeded and you already own it.");
    case object::Fault::BucketNotEmpty:
      return make(409, "BucketNotEmpty", "The bucket you tried to delete is not empty: " + text);
    case object::Fault::ConditionFailed:
      return make(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold: " + text);
    case object::Fault::WrongDigest:
      return make(400, "BadDigest", text);
    case object::Fault::InvalidPart:
      return make(400, "InvalidPart", "One or more of the specified parts could not be found: " + text);
    case object::Fault::InvalidPartOrder:
      return make(400, "InvalidPartOrder", "The list of parts was not in ascending order: " + text);
    case object::Fault::PartTooSmall:
      return make(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: " + text);
    case object::Fault::InvalidRange:
      return make(416, "InvalidRange", text);
    case object::Fault::InvalidArgument:
      return make(400, "InvalidArgument", text);
    case object::Fault::KeyTooLong:
      return make(400, "KeyTooLongError", "Your key is too long: " + text);
    case object::Fault::TooLarge:
      return make(400, "EntityTooLarge", text);
    case object::Fault::WrongState:
      return make(409, "InvalidObjectState", text);
    case object::Fault::None:
      break;
  }
  switch (error.code()) {
    case ErrorCode::ResourceExhausted:
      return make(503, "SlowDown", text);
    case ErrorCode::Unavailable:
      return make(503, "ServiceUnavailable", text);
    case ErrorCode::DeadlineExceeded:
      return make(400, "RequestTimeout",
                  "Your socket connection to the server was not read from or written to within "
                  "the timeout period: " +
                      text);
    case ErrorCode::TooLarge:
      return make(400, "EntityTooLarge", text);
    case ErrorCode::InvalidArgument:
      return make(400, "InvalidRequest", text);
    case ErrorCode::Cancelled:
      return make(400, "IncompleteBody", "You did not provide the number of bytes that you announced: " + text);
    default:
      return make(500, "InternalError", text);
  }
}

http::Response error_response(const Refusal& refusal, std::string_view resource, std::string_view request_id) {
  std::string document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  {
    XmlElement error(document, "Error");
    error.add("Code", refusal.code).add("Message", refusal.message).add("Resource", resource);
    error.add("RequestId", request_id);
  }
  auto response = http::Response::make(refusal.status, "application/xml", std::move(document));
  if (refusal.status == 503) response.add("Retry-After", "1");
  return response;
}

}  // namespace virga::dialects::aws::s3
