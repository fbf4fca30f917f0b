// Bytes that a process writes to its frames socket.

#include "virga/runtime/contracts/frames.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (true) {
    auto decoded = virga::runtime::decode_frame(rest);
    if (!decoded || !decoded->has_value()) return 0;
    const auto& frame = (*decoded)->frame;
    // What was decoded lies within what was given, and something was taken.
    if ((*decoded)->size < virga::runtime::kFrameHeaderSize || (*decoded)->size > rest.size()) std::abort();
    if (frame.body.size() + virga::runtime::kFrameHeaderSize != (*decoded)->size) std::abort();
    rest.remove_prefix((*decoded)->size);
  }
}
