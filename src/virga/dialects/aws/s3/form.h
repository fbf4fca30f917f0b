#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::dialects::aws::s3 {

// Takes apart a form with a file (RFC 7578), however its bytes arrive: the fields before the file are kept, the file's
// bytes are handed on, what follows is passed over. A pure function of the bytes.
class FormDecoder {
 public:
  // The boundary of the request's Content-Type; nullopt: it is no such form.
  static std::optional<std::string> boundary_of(std::string_view content_type);
  explicit FormDecoder(std::string_view boundary);

  // Appends to `out` what `bytes` holds of the file. InvalidArgument: this is no such form, or its fields are longer
  // than 64 KiB.
  Result<> feed(std::string_view bytes, std::string& out);
  bool has_file() const { return state_ == State::File || state_ == State::Done; }  // the fields are complete
  bool is_done() const { return state_ == State::Done; }                            // the file is
  // Names are in lower case; of several with one name the last one.
  const std::map<std::string, std::string>& fields() const { return fields_; }
  std::string field(const std::string& name) const;  // "" if it is not there
  const std::string& file_name() const { return file_name_; }
  const std::string& file_type() const { return file_type_; }

 private:
  enum class State { Begin, Head, Field, File, Done };
  Result<bool> take();  // whether there is more to take
  Result<> read_head(std::string_view head);

  std::string mark_;  // CR LF, two dashes and the boundary
  State state_ = State::Begin;
  std::string buffer_;
  std::size_t field_bytes_ = 0;
  std::string name_;
  std::string file_name_;
  std::string file_type_;
  std::map<std::string, std::string> fields_;
  std::string* out_ = nullptr;
};

}  // namespace virga::dialects::aws::s3
