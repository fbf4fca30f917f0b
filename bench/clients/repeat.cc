#include "bench/clients/repeat.h"

namespace virga::load {
namespace {

constexpr std::chrono::minutes kSignedAgain{2};  // a signature is good for five

}  // namespace

Prepared::Prepared(Signer& signer, std::vector<Draft> drafts)
    : signer_(signer), drafts_(std::move(drafts)), written_(drafts_.size()) {}

Conversation::Request Prepared::next() {
  auto index = next_;
  next_ = (next_ + 1) % drafts_.size();
  auto now = std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  auto& written = written_[index];
  if (written.head.empty() || now - written.at > kSignedAgain) written = {signer_.head(drafts_[index], now), now};
  return {written.head, drafts_[index].body};
}

bool Repeat::take(unsigned status, std::string_view) {
  bool is_good = status >= 200 && status < 300;
  if (is_good) ++done_;
  return is_good;
}

}  // namespace virga::load
