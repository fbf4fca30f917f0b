// Answers of a server under load. Where the bytes are cut must not change what they mean.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bench/load/response_reader.h"

using virga::load::ResponseReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ResponseReader whole;
  auto expected = whole.read(text);

  // The first byte says into pieces of which size it is cut.
  std::size_t step = data[0] % 16 + 1U;
  ResponseReader cut;
  auto found = ResponseReader::Progress::Incomplete;
  while (!text.empty() && found != ResponseReader::Progress::Malformed) {
    // What follows a whole answer is refused, in the same piece or in the next.
    found = found == ResponseReader::Progress::Complete ? ResponseReader::Progress::Malformed
                                                        : cut.read(text.substr(0, step));
    text.remove_prefix(std::min(step, text.size()));
  }
  if (found != expected) std::abort();
  if (expected == ResponseReader::Progress::Complete &&
      (whole.status() != cut.status() || whole.closes_connection() != cut.closes_connection())) {
    std::abort();
  }
  return 0;
}
