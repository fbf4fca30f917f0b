// What the privileged helper reads from the daemon's socket: the one parser between a compromised daemon and root.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "virga/sandbox/internal/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace virga::sandbox::wire;
  auto request = decode_request(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!request) return 0;
  // What is accepted keeps its own rules and has one form only.
  if (request->kind == RequestKind::Start && !validate(request->spec)) std::abort();
  if (request->kind == RequestKind::Bind && !validate_binding(request->spec)) std::abort();
  if (request->kind == RequestKind::Fork && !validate_fork({request->of, request->spec.id, request->spec.limits})) {
    std::abort();
  }
  auto again = decode_request(encode(*request));
  if (!again || encode(*again) != encode(*request)) std::abort();
  return 0;
}
