#include "virga/services/object/faults.h"

#include <array>

namespace virga::services::object {
namespace {

struct Named {
  Fault fault;
  std::string_view name;
  ErrorCode code;
};

constexpr std::array kFaults = {
    Named{Fault::NoSuchBucket, "NoSuchBucket", ErrorCode::NotFound},
    Named{Fault::NoSuchKey, "NoSuchKey", ErrorCode::NotFound},
    Named{Fault::NoSuchVersion, "NoSuchVersion", ErrorCode::NotFound},
    Named{Fault::NoSuchUpload, "NoSuchUpload", ErrorCode::NotFound},
    Named{Fault::DeleteMarker, "DeleteMarker", ErrorCode::NotFound},
    Named{Fault::MarkerNamed, "MarkerNamed", ErrorCode::Conflict},
    Named{Fault::BucketExists, "BucketExists", ErrorCode::AlreadyExists},
    Named{Fault::BucketNotEmpty, "BucketNotEmpty", ErrorCode::Conflict},
    Named{Fault::ConditionFailed, "ConditionFailed", ErrorCode::PreconditionFailed},
    Named{Fault::WrongDigest, "WrongDigest", ErrorCode::InvalidArgument},
    Named{Fault::InvalidPart, "InvalidPart", ErrorCode::InvalidArgument},
    Named{Fault::InvalidPartOrder, "InvalidPartOrder", ErrorCode::InvalidArgument},
    Named{Fault::PartTooSmall, "PartTooSmall", ErrorCode::InvalidArgument},
    Named{Fault::InvalidRange, "InvalidRange", ErrorCode::InvalidArgument},
    Named{Fault::InvalidArgument, "InvalidArgument", ErrorCode::InvalidArgument},
    Named{Fault::KeyTooLong, "KeyTooLong", ErrorCode::InvalidArgument},
    Named{Fault::TooLarge, "TooLarge", ErrorCode::TooLarge},
    Named{Fault::WrongState, "WrongState", ErrorCode::Conflict},
};

constexpr std::string_view kBetween = ": ";

}  // namespace

Error refusal(Fault fault, std::string_view text) {
  for (const auto& named : kFaults) {
    if (named.fault == fault) {
      return Error(named.code, std::string(named.name).append(kBetween).append(text));
    }
  }
  return Error(ErrorCode::Internal, std::string(text));
}

FaultParts read_fault(const Error& error) {
  std::string_view message = error.message();
  for (const auto& named : kFaults) {
    if (error.code() != named.code || !message.starts_with(named.name)) continue;
    auto rest = message.substr(named.name.size());
    if (rest.starts_with(kBetween)) return {named.fault, rest.substr(kBetween.size())};
  }
  return {Fault::None, message};
}

}  // namespace virga::services::object
