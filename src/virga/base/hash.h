#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace virga {

using Sha256Digest = std::array<std::uint8_t, 32>;
using Md5Digest = std::array<std::uint8_t, 16>;

// Any thread.
Sha256Digest sha256(std::string_view bytes);
Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes);

// For protocols that ask for it: it protects nothing.
Md5Digest md5(std::string_view bytes);

// 20 bytes. For protocols of before: nothing new is to rest on SHA-1.
std::string hmac_sha1(std::string_view key, std::string_view bytes);

// SHA-256 over bytes that arrive in parts. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  Sha256Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline std::string_view as_view(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Takes the same time whatever differs, so that a secret cannot be guessed byte by byte.
bool equals_in_constant_time(std::string_view a, std::string_view b);

}  // namespace virga
