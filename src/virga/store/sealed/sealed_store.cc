#include "virga/store/sealed/sealed_store.h"

#include <openssl/evp.h>

#include <memory>
#include <mutex>
#include <vector>

#include "virga/base/assert.h"
#include "virga/base/hash.h"
#include "virga/base/problems.h"

namespace virga::store {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
// In front of a sealed value; all plain values are JSON objects.
constexpr char kSealed = '\x01';

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

enum class Direction { Open, Close };

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
int size_of(std::string_view text) {
  return static_cast<int>(text.size());
}

// Ciphers that have their key already: to make one and to give it the key takes longer than to seal a small record.
// Any thread.
class Ciphers {
 public:
  Ciphers(const Sha256Digest& key, Direction direction) : key_(key), direction_(direction) {}

  // Given back by the destructor. One thread.
  class [[nodiscard]] Loan {
   public:
    Loan(Ciphers& from, Cipher cipher) : from_(from), cipher_(std::move(cipher)) {}
    ~Loan() { from_.give_back(std::move(cipher_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    EVP_CIPHER_CTX* get() const { return cipher_.get(); }

   private:
    Ciphers& from_;
    Cipher cipher_;
  };
  Loan take() {
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto cipher = std::move(free_.back());
        free_.pop_back();
        return Loan(*this, std::move(cipher));
      }
    }
    static const EVP_CIPHER* algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    VIRGA_ASSERT(algorithm != nullptr);
    Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int encrypts = direction_ == Direction::Close ? 1 : 0;
    VIRGA_ASSERT(EVP_CipherInit_ex(cipher.get(), algorithm, nullptr, key_.data(), nullptr, encrypts) == 1);
    return Loan(*this, std::move(cipher));
  }

 private:
  void give_back(Cipher cipher) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(cipher));
  }

  Sha256Digest key_;
  Direction direction_;
  std::mutex mutex_;
  std::vector<Cipher> free_;  // as many as threads were here at once
};

class SealedStore final : public Store {
 public:
  // Two keys out of one, for two purposes.
  SealedStore(std::unique_ptr<Store> under, std::string_view key)
      : under_(std::move(under)),
        openers_(hmac_sha256(key, "values"), Direction::Open),
        closers_(hmac_sha256(key, "values"), Direction::Close),
        nonce_key_(hmac_sha256(key, "nonces")) {}

  Result<std::optional<std::string>> get(std::string_view key) const override {
    VIRGA_TRY_ASSIGN(auto value, under_->get(key));
    if (!value) return std::optional<std::string>();
    auto cipher = openers_.take();
    VIRGA_TRY_ASSIGN(auto opened, open(cipher.get(), key, std::move(*value)));
    return std::optional<std::string>(std::move(opened));
  }

  Result<std::vector<Record>> scan(const Range& range) const override {
    VIRGA_TRY_ASSIGN(auto records, under_->scan(range));
    auto cipher = openers_.take();
    for (auto& record : records) {
      VIRGA_TRY_ASSIGN(record.value, open(cipher.get(), record.key, std::move(record.value)));
    }
    return records;
  }

  Result<> commit(Batch batch, Durability durability) override {
    Batch sealed;
    auto cipher = closers_.take();
    for (const auto& condition : batch.preconditions()) {
      if (!condition.value) {
        sealed.require(condition.key, std::nullopt);
        continue;
      }
      VIRGA_TRY_ASSIGN(auto value, seal_for_comparison(cipher.get(), condition.key, *condition.value));
      sealed.require(condition.key, value);
    }
    for (auto& operation : batch.take_operations()) {
      if (operation.kind == Batch::Operation::Kind::Put) {
        VIRGA_TRY_ASSIGN(operation.value, close(cipher.get(), operation.key, operation.value));
      }
      sealed.add(std::move(operation));
    }
    return under_->commit(std::move(sealed), durability);
  }

 private:
  // A record from before there was a key is compared as it lies there.
  Result<std::string> seal_for_comparison(EVP_CIPHER_CTX* cipher, std::string_view key,
                                          const std::string& value) const {
    VIRGA_TRY_ASSIGN(auto present, under_->get(key));
    if (present && *present == value) return value;
    return close(cipher, key, value);
  }

  Sha256Digest nonce_of(std::string_view key, std::string_view value) const {
    auto both = std::to_string(key.size());
    both.reserve(both.size() + 1 + key.size() + value.size());
    both.append(":").append(key).append(value);
    return hmac_sha256(as_view(nonce_key_), both);
  }

  Result<std::string> close(EVP_CIPHER_CTX* cipher, std::string_view key, std::string_view value) const {
    auto digest = nonce_of(key, value);
    auto nonce = as_view(digest).substr(0, kNonceSize);
    std::string sealed(1 + kNonceSize + value.size() + kTagSize, '\0');
    sealed[0] = kSealed;
    sealed.replace(1, kNonceSize, nonce);
    auto* out = bytes_of(sealed) + 1 + kNonceSize;
    int written = 0;
    bool good = EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, bytes_of(nonce)) == 1 &&
                EVP_EncryptUpdate(cipher, nullptr, &written, bytes_of(key), size_of(key)) == 1 &&
                EVP_EncryptUpdate(cipher, out, &written, bytes_of(value), size_of(value)) == 1 &&
                EVP_EncryptFinal_ex(cipher, out + written, &written) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, kTagSize, out + value.size()) == 1;
    if (!good) return fail(ErrorCode::Internal, "a record could not be encrypted");
    return sealed;
  }

  Result<std::string> open(EVP_CIPHER_CTX* cipher, std::string_view key, std::string sealed) const {
    if (sealed.empty() || sealed.front() != kSealed) return sealed;
    std::string_view rest = std::string_view(sealed).substr(1);
    if (rest.size() < kNonceSize + kTagSize) return damaged(key);
    auto nonce = rest.substr(0, kNonceSize);
    auto text = rest.substr(kNonceSize, rest.size() - kNonceSize - kTagSize);
    std::string tag(rest.substr(rest.size() - kTagSize));
    std::string value(text.size(), '\0');
    int written = 0;
    bool good = EVP_DecryptInit_ex(cipher, nullptr, nullptr, nullptr, bytes_of(nonce)) == 1 &&
                EVP_DecryptUpdate(cipher, nullptr, &written, bytes_of(key), size_of(key)) == 1 &&
                EVP_DecryptUpdate(cipher, bytes_of(value), &written, bytes_of(text), size_of(text)) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, kTagSize, bytes_of(tag)) == 1 &&
                EVP_DecryptFinal_ex(cipher, bytes_of(value) + value.size(), &written) == 1;
    if (!good) return damaged(key);
    return value;
  }

  static std::unexpected<Error> damaged(std::string_view key) {
    return fail(problem::kStoreKey,
                "the record '" + std::string(key) +
                    "' is damaged, or was sealed with another store-key than this data folder has now: "
                    "put the file back that was there when it was written");
  }

  std::unique_ptr<Store> under_;
  mutable Ciphers openers_;
  mutable Ciphers closers_;
  Sha256Digest nonce_key_;
};

}  // namespace

Result<std::unique_ptr<Store>> seal(std::unique_ptr<Store> under, const Secret& key) {
  if (key.reveal().size() != kKeySize) {
    return fail(ErrorCode::InvalidArgument, "the key of a store has " + std::to_string(kKeySize) + " bytes, not " +
                                                std::to_string(key.reveal().size()));
  }
  return std::make_unique<SealedStore>(std::move(under), key.reveal());
}

}  // namespace virga::store
