#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/services/object/internal/state.h"

namespace virga::services::object {

io::Task<Result<StoredFile>> Objects::duplicate(Version version, std::vector<ChecksumAlgorithm> algorithms) {
  auto& state = *state_;
  std::erase(algorithms, ChecksumAlgorithm::None);
  const auto& known = version.checksum;
  bool is_known = std::ranges::all_of(algorithms, [&](ChecksumAlgorithm algorithm) {
    return algorithm == known.algorithm && known.type == ChecksumType::FullObject;
  });
  auto md5 = from_hex(version.etag);
  if (version.body.kind == Body::Kind::File && is_known && md5) {
    // A file that something refers to never changes, so that a second name is a copy.
    StoredFile copy;
    copy.id = state.files.make_id();
    copy.size = version.size;
    copy.md5 = std::move(*md5);
    copy.algorithms = algorithms;
    copy.digests.assign(algorithms.size(), known.bytes);
    std::function<Result<>()> link = [&state, &version, &copy] { return state.files.link(version.body.id, copy.id); };
    auto linked = co_await state.services.workers.run(state.services.loop, std::move(link));
    if (linked) co_return copy;
    if (linked.error().code() != ErrorCode::Unavailable) co_return std::unexpected(linked.error());
  }
  auto size = version.size;
  VIRGA_CO_TRY_ASSIGN(auto reader, co_await read(std::move(version), 0, size));
  auto writer = write(std::move(algorithms));
  while (true) {
    VIRGA_CO_TRY_ASSIGN(auto bytes, co_await reader->next());
    if (bytes.empty()) break;
    VIRGA_CO_TRY(co_await writer->write(bytes));
  }
  co_return co_await writer->finish();
}

}  // namespace virga::services::object
