#include "virga/catalog/internal/codec.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <type_traits>

#include "virga/base/encoding.h"
#include "virga/base/problems.h"

namespace virga::catalog::internal {

namespace {

namespace json = boost::json;

constexpr std::int64_t kFormat = 1;

// ---- the words for enumerators; the position is the enumerator's ----
using Words = std::span<const std::string_view>;
constexpr std::array<std::string_view, 2> kArchitecture = {"x86_64", "arm64"};
constexpr std::array<std::string_view, 2> kTracingMode = {"pass-through", "active"};
constexpr std::array<std::string_view, 2> kLogFormat = {"text", "json"};
constexpr std::array<std::string_view, 6> kLogLevel = {"trace", "debug", "info", "warn", "error", "fatal"};
constexpr std::array<std::string_view, 3> kNetworkMode = {"none", "loopback", "egress"};
constexpr std::array<std::string_view, 4> kFunctionState = {"pending", "active", "inactive", "failed"};
constexpr std::array<std::string_view, 3> kUpdateStatus = {"successful", "failed", "in-progress"};
constexpr std::array<std::string_view, 2> kUrlAuth = {"none", "iam"};
constexpr std::array<std::string_view, 2> kInvokeMode = {"buffered", "response-stream"};
Words words(model::Architecture) {
  return kArchitecture;
}
Words words(model::TracingMode) {
  return kTracingMode;
}
Words words(model::LogFormat) {
  return kLogFormat;
}
Words words(model::LogLevel) {
  return kLogLevel;
}
Words words(model::NetworkMode) {
  return kNetworkMode;
}
Words words(model::FunctionState) {
  return kFunctionState;
}
Words words(model::UpdateStatus) {
  return kUpdateStatus;
}
Words words(model::UrlAuth) {
  return kUrlAuth;
}
Words words(model::InvokeMode) {
  return kInvokeMode;
}

// ---- the members of each record: one line serves both directions ----
template <typename T, typename Plain>
concept Is = std::is_same_v<std::remove_const_t<T>, Plain>;

template <typename Codec>
void members(Codec& codec, Is<model::LoggingConfig> auto& config) {
  codec("format", config.format);
  codec("application_level", config.application_level);
  codec("system_level", config.system_level);
  codec("group", config.group);
}
template <typename Codec>
void members(Codec& codec, Is<model::LayerRef> auto& ref) {
  codec("layer", ref.layer);
  codec("version", ref.version);
}
template <typename Codec>
void members(Codec& codec, Is<model::PackageRef> auto& ref) {
  codec("sha256", ref.id);
  codec("archive_bytes", ref.archive_size);
}
template <typename Codec>
void members(Codec& codec, Is<model::StateReason> auto& reason) {
  codec("text", reason.text);
  codec("code", reason.code);
}
template <typename Codec>
void members(Codec& codec, Is<model::FunctionConfig> auto& config) {
  codec("runtime", config.runtime);
  codec("handler", config.handler);
  codec("role", config.role);
  codec("description", config.description);
  codec("timeout_seconds", config.timeout);
  codec("memory_bytes", config.memory);
  codec("ephemeral_storage_bytes", config.ephemeral_storage);
  codec("environment", config.environment);
  codec("layers", config.layers);
  codec("architecture", config.architecture);
  codec("tracing", config.tracing);
  codec("logging", config.logging);
  codec("network", config.network);
  codec("concurrency", config.concurrency);
  codec("opaque", config.opaque);
}
template <typename Codec>
void members(Codec& codec, Is<model::Version> auto& version) {
  codec("function", version.function);
  codec("version", version.number);
  codec("config", version.config);
  codec("package", version.package);
  codec("layer_packages", version.layer_packages);
  codec("state", version.state);
  codec("state_reason", version.state_reason);
  codec("update_status", version.update_status);
  codec("update_reason", version.update_reason);
  codec("revision", version.revision);
  codec("last_modified_ms", version.last_modified);
}
template <typename Codec>
void members(Codec& codec, Is<FunctionRecord> auto& record) {
  codec("name", record.function.name);
  codec("created_ms", record.function.created);
  codec("tags", record.function.tags);
  codec("reserved_concurrency", record.function.reserved_concurrency);
  codec("next_version", record.next_version);
}
template <typename Codec>
void members(Codec& codec, Is<NumberRecord> auto& record) {
  codec("next_version", record.next_version);
}
template <typename Codec>
void members(Codec& codec, Is<AttachmentRecord> auto& record) {
  codec("json", record.json);
}
template <typename Codec>
void members(Codec& codec, Is<model::Alias::Additional> auto& additional) {
  codec("version", additional.version);
  codec("weight", additional.weight);
}
template <typename Codec>
void members(Codec& codec, Is<model::Alias> auto& alias) {
  codec("function", alias.function);
  codec("name", alias.name);
  codec("version", alias.version);
  codec("description", alias.description);
  codec("additional", alias.additional);
  codec("revision", alias.revision);
}
template <typename Codec>
void members(Codec& codec, Is<model::Cors> auto& cors) {
  codec("allow_credentials", cors.allow_credentials);
  codec("allow_headers", cors.allow_headers);
  codec("allow_methods", cors.allow_methods);
  codec("allow_origins", cors.allow_origins);
  codec("expose_headers", cors.expose_headers);
  codec("max_age_seconds", cors.max_age);
}
template <typename Codec>
void members(Codec& codec, Is<model::UrlConfig> auto& url) {
  codec("id", url.id);
  codec("function", url.function);
  codec("alias", url.alias);
  codec("auth", url.auth);
  codec("mode", url.mode);
  codec("cors", url.cors);
  codec("created_ms", url.created);
  codec("modified_ms", url.modified);
}
template <typename Codec>
void members(Codec& codec, Is<model::LayerVersion> auto& layer) {
  codec("layer", layer.layer);
  codec("version", layer.version);
  codec("description", layer.description);
  codec("license", layer.license);
  codec("runtimes", layer.runtimes);
  codec("architectures", layer.architectures);
  codec("package", layer.package);
  codec("created_ms", layer.created);
}
template <typename Codec>
void members(Codec& codec, Is<model::Package> auto& package) {
  codec("package", package.ref);
  codec("unpacked_bytes", package.unpacked_size);
  codec("entries", package.entries);
  codec("created_ms", package.created);
}

// ---- values to JSON ----
class Encoder {
 public:
  template <typename T>
  void operator()(std::string_view member, const T& value) {
    json::value out = write(value);
    if (broken_ && where_.empty()) where_ = member;
    object_[member] = std::move(out);
  }
  // Whether all text was UTF-8; otherwise the member that was not.
  bool broken() const { return broken_; }
  const std::string& where() const { return where_; }
  json::object take() { return std::move(object_); }

 private:
  json::value write(const std::string& text) {
    broken_ = broken_ || !is_utf8(text);
    return json::value(text);
  }
  json::value write(bool value) { return json::value(value); }
  json::value write(std::uint64_t value) { return json::value(value); }
  json::value write(std::uint32_t value) { return json::value(std::uint64_t{value}); }
  // As text: Boost.JSON 1.81 does not bring every double back to the last bit.
  json::value write(double value) { return json::value(fmt::format("{}", value)); }
  json::value write(model::Bytes value) { return json::value(value.count); }
  json::value write(std::chrono::seconds value) { return json::value(std::int64_t{value.count()}); }
  json::value write(WallTime value) { return json::value(unix_milliseconds(value)); }
  json::value write(model::VersionNumber value) { return json::value(value.number()); }
  template <typename Tag>
  json::value write(const Id<Tag>& id) {
    return write(id.text());
  }
  template <typename T>
    requires std::is_enum_v<T>
  json::value write(T value) {
    return json::value(words(value)[static_cast<std::size_t>(value)]);
  }
  template <typename T>
  json::value write(const std::optional<T>& value) {
    return value ? write(*value) : json::value(nullptr);
  }
  template <typename T>
  json::value write(const std::vector<T>& values) {
    json::array array;
    for (const T& value : values) array.push_back(write(value));
    return json::value(std::move(array));
  }
  json::value write(const std::map<std::string, std::string>& values) {
    json::object object;
    for (const auto& [key, value] : values) {
      broken_ = broken_ || !is_utf8(key);
      object[key] = write(value);
    }
    return json::value(std::move(object));
  }
  template <typename T>
    requires std::is_class_v<T>
  json::value write(const T& value) {
    Encoder inner;
    members(inner, value);
    if (inner.broken_) {
      broken_ = true;
      where_ = inner.where_;
    }
    return json::value(inner.take());
  }

  json::object object_;
  bool broken_ = false;
  std::string where_;
};

// ---- JSON to values ----
class Decoder {
 public:
  explicit Decoder(const json::object& object) : object_(object) {}

  template <typename T>
  void operator()(std::string_view member, T& value) {
    const json::value* found = object_.if_contains(member);
    if (found == nullptr || read(*found, value) || !where_.empty()) return;
    where_ = member;
  }
  // Empty, or the member that has not the form it has to have.
  const std::string& where() const { return where_; }

 private:
  static bool read(const json::value& in, std::string& text) {
    if (const json::string* string = in.if_string()) {
      text.assign(string->data(), string->size());
      return true;
    }
    return false;
  }
  static bool read(const json::value& in, bool& value) {
    if (const bool* boolean = in.if_bool()) {
      value = *boolean;
      return true;
    }
    return false;
  }
  static bool read(const json::value& in, std::uint64_t& value) {
    json::error_code error;
    value = in.to_number<std::uint64_t>(error);
    return !error;
  }
  static bool read(const json::value& in, std::uint32_t& value) {
    json::error_code error;
    value = in.to_number<std::uint32_t>(error);
    return !error;
  }
  static bool read(const json::value& in, double& value) {
    std::string text;
    if (!read(in, text)) return false;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }
  static bool read(const json::value& in, model::Bytes& value) { return read(in, value.count); }
  static bool read(const json::value& in, std::chrono::seconds& value) {
    json::error_code error;
    value = std::chrono::seconds(in.to_number<std::int64_t>(error));
    return !error;
  }
  static bool read(const json::value& in, WallTime& value) {
    json::error_code error;
    value = WallTime(std::chrono::milliseconds(in.to_number<std::int64_t>(error)));
    return !error;
  }
  static bool read(const json::value& in, model::VersionNumber& value) {
    std::uint64_t number = 0;
    bool good = read(in, number);
    value = model::VersionNumber(number);
    return good;
  }
  template <typename Tag>
  static bool read(const json::value& in, Id<Tag>& id) {
    std::string text;
    bool good = read(in, text);
    id = Id<Tag>(std::move(text));
    return good;
  }
  template <typename T>
    requires std::is_enum_v<T>
  static bool read(const json::value& in, T& value) {
    std::string text;
    if (!read(in, text)) return false;
    Words known = words(value);
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i] != text) continue;
      value = static_cast<T>(i);
      return true;
    }
    return false;
  }
  template <typename T>
  static bool read(const json::value& in, std::optional<T>& value) {
    if (in.is_null()) {
      value.reset();
      return true;
    }
    return read(in, value.emplace());
  }
  template <typename T>
  static bool read(const json::value& in, std::vector<T>& values) {
    const json::array* array = in.if_array();
    if (array == nullptr) return false;
    for (const json::value& element : *array) {
      if (!read(element, values.emplace_back())) return false;
    }
    return true;
  }
  static bool read(const json::value& in, std::map<std::string, std::string>& values) {
    const json::object* object = in.if_object();
    if (object == nullptr) return false;
    for (const json::key_value_pair& pair : *object) {
      if (!read(pair.value(), values[std::string(pair.key())])) return false;
    }
    return true;
  }
  template <typename T>
    requires std::is_class_v<T>
  static bool read(const json::value& in, T& value) {
    const json::object* object = in.if_object();
    if (object == nullptr) return false;
    Decoder inner(*object);
    members(inner, value);
    return inner.where_.empty();
  }

  const json::object& object_;
  std::string where_;
};

}  // namespace

template <typename Record>
Result<std::string> encode(const Record& record) {
  Encoder encoder;
  encoder("format", std::uint64_t{kFormat});
  members(encoder, record);
  if (encoder.broken()) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("{}: the text is not UTF-8; write it in UTF-8", encoder.where()));
  }
  return json::serialize(encoder.take());
}

template <typename Record>
Result<Record> decode(std::string_view bytes) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse({bytes.data(), bytes.size()}, error, {}, options);
  if (error || !value.is_object()) return fail(ErrorCode::DataLoss, "it is not a JSON object");
  const json::object& object = value.get_object();
  const json::value* format = object.if_contains("format");
  if (format == nullptr || !format->is_number()) return fail(ErrorCode::DataLoss, "its format is missing");
  json::error_code number_error;
  std::int64_t number = format->to_number<std::int64_t>(number_error);
  if (!number_error && number > kFormat) {
    return fail(problem::kDataFolderNewer, fmt::format("its format is {}, this virga reads {}", number, kFormat));
  }
  if (number_error || number != kFormat) {
    return fail(ErrorCode::DataLoss,
                fmt::format("its format is {}, this virga reads {}", json::serialize(*format), kFormat));
  }
  Record record;
  Decoder decoder(object);
  members(decoder, record);
  if (!decoder.where().empty()) {
    return fail(ErrorCode::DataLoss, fmt::format("its member '{}' is not of the right form", decoder.where()));
  }
  return record;
}

template Result<std::string> encode(const FunctionRecord&);
template Result<std::string> encode(const NumberRecord&);
template Result<std::string> encode(const AttachmentRecord&);
template Result<std::string> encode(const model::Version&);
template Result<std::string> encode(const model::Alias&);
template Result<std::string> encode(const model::UrlConfig&);
template Result<std::string> encode(const model::LayerVersion&);
template Result<std::string> encode(const model::Package&);
template Result<FunctionRecord> decode(std::string_view);
template Result<NumberRecord> decode(std::string_view);
template Result<AttachmentRecord> decode(std::string_view);
template Result<model::Version> decode(std::string_view);
template Result<model::Alias> decode(std::string_view);
template Result<model::UrlConfig> decode(std::string_view);
template Result<model::LayerVersion> decode(std::string_view);
template Result<model::Package> decode(std::string_view);

}  // namespace virga::catalog::internal
