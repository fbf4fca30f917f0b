#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "virga/base/error.h"

namespace virga::services::object {

// What the object service refuses, finer than ErrorCode tells. The error's message is "NAME: TEXT": people read the
// whole, dialects take it apart.
enum class Fault {
  None,  // an error without such a name: of the disk or the store
  NoSuchBucket,
  NoSuchKey,
  NoSuchVersion,
  NoSuchUpload,
  DeleteMarker,  // the current version says that the object is deleted; the text is the marker's version
  MarkerNamed,   // the version that was asked for is such a marker; the text is its version
  BucketExists,
  BucketNotEmpty,
  ConditionFailed,
  WrongDigest,
  InvalidPart,
  InvalidPartOrder,
  PartTooSmall,
  InvalidRange,
  InvalidArgument,
  KeyTooLong,
  TooLarge,
  WrongState,
};

Error refusal(Fault fault, std::string_view text);
inline std::unexpected<Error> refuse(Fault fault, std::string_view text) {
  return std::unexpected<Error>(refusal(fault, text));
}

struct FaultParts {
  Fault fault = Fault::None;
  std::string_view text;  // the message without the name
};
// A view into the error's message.
FaultParts read_fault(const Error& error);

}  // namespace virga::services::object
