#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga {

// A kind of failure that a user of Virga can meet and mend. Its number never changes and is never given again; the page
// docs/errors/VIRGAnnnn.md says what to do. `tools/lint/errors` compares this list with the pages.
struct Problem {
  std::uint16_t number;
  ErrorCode code;
  std::string_view title;  // the page's heading
};

// A new one takes the next number: one line here, one page, one line in docs/errors/README.md.
// clang-format off
namespace problem {
inline constexpr Problem kPortInUse{1, ErrorCode::Unavailable, "the port is in use"};
inline constexpr Problem kAddressRefused{2, ErrorCode::InvalidArgument, "the address cannot be listened on"};
inline constexpr Problem kDataFolderInUse{3, ErrorCode::Conflict, "the data folder is in use"};
inline constexpr Problem kDataFolderRefused{4, ErrorCode::PermissionDenied, "the data folder cannot be written"};
inline constexpr Problem kDataFolderDamaged{5, ErrorCode::DataLoss, "the data folder is damaged"};
inline constexpr Problem kRecordDamaged{6, ErrorCode::DataLoss, "a record in the data folder is damaged"};
inline constexpr Problem kDataFolderNewer{7, ErrorCode::Unimplemented, "the data folder is of a newer Virga"};
inline constexpr Problem kDataFolderUnreadable{8, ErrorCode::Unavailable, "the data folder cannot be read"};
inline constexpr Problem kDiskFull{9, ErrorCode::ResourceExhausted, "the disk is full"};
inline constexpr Problem kDiskRefused{10, ErrorCode::Unavailable, "the disk refused a write"};
inline constexpr Problem kRootKeyDamaged{11, ErrorCode::DataLoss, "the root key file is damaged"};
inline constexpr Problem kNoRuntimes{12, ErrorCode::NotFound, "the runtimes folder is not found"};
inline constexpr Problem kRuntimeManifest{13, ErrorCode::InvalidArgument, "a runtime.json is wrong"};
inline constexpr Problem kNoInterpreter{14, ErrorCode::Unavailable, "a runtime's interpreter is missing"};
inline constexpr Problem kHelperNotReady{15, ErrorCode::Internal, "the sandbox helper does not start"};
inline constexpr Problem kHelperStillWorks{16, ErrorCode::Conflict, "an earlier sandbox helper still works"};
inline constexpr Problem kNoUserNamespaces{17, ErrorCode::PermissionDenied, "user namespaces are not allowed"};
inline constexpr Problem kNoCgroups{18, ErrorCode::NotFound, "there are no cgroups for the limits"};
inline constexpr Problem kProcHidden{19, ErrorCode::PermissionDenied, "/proc is partly hidden"};
inline constexpr Problem kEgressNeedsRoot{20, ErrorCode::Unimplemented, "egress needs root"};
inline constexpr Problem kEgressNeedsNft{21, ErrorCode::Unimplemented, "egress needs nftables"};
inline constexpr Problem kEgressNeedsForwarding{22, ErrorCode::Unimplemented, "egress needs packet forwarding"};
inline constexpr Problem kNoDataFolder{23, ErrorCode::InvalidArgument, "no data folder is named"};
inline constexpr Problem kArchiveDamaged{24, ErrorCode::InvalidArgument, "the archive is damaged"};
inline constexpr Problem kArchiveTooLarge{25, ErrorCode::TooLarge, "the archive is too large"};
inline constexpr Problem kArchiveBomb{26, ErrorCode::TooLarge, "the archive unpacks to too much"};
inline constexpr Problem kArchiveName{27, ErrorCode::InvalidArgument, "a name in the archive is not allowed"};
inline constexpr Problem kArchiveNamesClash{28, ErrorCode::InvalidArgument, "names in the archive clash"};
inline constexpr Problem kArchiveSymlink{29, ErrorCode::InvalidArgument, "a symlink in the archive is not allowed"};
inline constexpr Problem kArchiveEntryKind{30, ErrorCode::InvalidArgument, "the archive holds more than files, folders and symlinks"};
inline constexpr Problem kArchiveCoding{31, ErrorCode::InvalidArgument, "the archive is encrypted or packed in an unknown way"};
inline constexpr Problem kArchiveUnpacking{32, ErrorCode::InvalidArgument, "unpacking the archive takes too much"};
inline constexpr Problem kEndpointWrong{33, ErrorCode::InvalidArgument, "the endpoint is no address of a Virga"};
inline constexpr Problem kNotReached{34, ErrorCode::Unavailable, "no Virga answers there"};
inline constexpr Problem kNoAnswerInTime{35, ErrorCode::DeadlineExceeded, "Virga did not answer in time"};
inline constexpr Problem kNotVirga{36, ErrorCode::DataLoss, "something else than Virga answers"};
inline constexpr Problem kKeyRefused{37, ErrorCode::PermissionDenied, "the server takes none of the keys"};
inline constexpr Problem kNoSuchPath{38, ErrorCode::InvalidArgument, "there is no such file or folder"};
inline constexpr Problem kManifestNoJson{39, ErrorCode::InvalidArgument, "virga.json is no JSON"};
inline constexpr Problem kManifestMember{40, ErrorCode::InvalidArgument, "a member of virga.json is wrong"};
inline constexpr Problem kNotDetected{41, ErrorCode::InvalidArgument, "how to run the code is not clear"};
inline constexpr Problem kFunctionName{42, ErrorCode::InvalidArgument, "the name cannot name a function"};
inline constexpr Problem kDeployFailed{43, ErrorCode::Conflict, "the deployment failed"};
inline constexpr Problem kDeployTooSlow{44, ErrorCode::Conflict, "the deployment does not end"};
inline constexpr Problem kPackageDamaged{45, ErrorCode::DataLoss, "a stored package is damaged"};
inline constexpr Problem kTooManyWatches{46, ErrorCode::ResourceExhausted, "changes of files cannot be watched"};
inline constexpr Problem kStoreKey{47, ErrorCode::DataLoss, "the store-key does not open the records"};
inline constexpr Problem kObjectDamaged{48, ErrorCode::DataLoss, "the file of an object is damaged"};
}  // namespace problem
// clang-format on

// "[VIRGA0001]", as messages end.
inline std::string tag(const Problem& problem) {
  std::string digits = std::to_string(problem.number);
  return "[VIRGA" + std::string(4 - digits.size(), '0') + digits + "]";
}

// True if the message names a problem already.
inline bool is_numbered(std::string_view message) {
  constexpr std::size_t kTagSize = std::string_view("[VIRGA0001]").size();
  return message.size() >= kTagSize && message.ends_with(']') &&
         message.substr(message.size() - kTagSize).starts_with("[VIRGA");
}

// The message with the number at its end. One that has a number keeps it: the first cause is what can be mended.
inline Error problem_error(const Problem& problem, std::string message) {
  if (!is_numbered(message)) message += " " + tag(problem);
  return Error(problem.code, std::move(message));
}
inline std::unexpected<Error> fail(const Problem& problem, std::string message) {
  return std::unexpected<Error>(problem_error(problem, std::move(message)));
}

}  // namespace virga
