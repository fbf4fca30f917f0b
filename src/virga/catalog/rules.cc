#include "virga/catalog/internal/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "virga/base/encoding.h"

namespace virga::catalog::internal {

namespace {

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::InvalidArgument, std::move(message));
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_byte(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_';
}

// Characters, as people and Lambda's limits count them.
std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// For messages: a value may be long or unprintable.
std::string shown(std::string_view value) {
  std::string text;
  for (char c : value.substr(0, 64)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return "'" + text + (value.size() > 64 ? "...'" : "'");
}

Result<> check_name(std::string_view field, std::string_view name, std::size_t longest) {
  if (name.empty() || name.size() > longest || !std::ranges::all_of(name, is_name_byte)) {
    return wrong(fmt::format("{}: {} is not allowed; use 1 to {} of the characters a-z A-Z 0-9 - _", field, shown(name),
                             longest));
  }
  return {};
}

template <typename T>
Result<> check_range(std::string_view field, T value, T least, T most, std::string_view unit) {
  if (value >= least && value <= most) return {};
  return wrong(fmt::format("{}: {} {} is not allowed; choose {} to {} {}", field, value, unit, least, most, unit));
}

Result<> check_length(std::string_view field, std::string_view value, std::size_t longest) {
  if (length(value) <= longest) return {};
  return wrong(fmt::format("{}: it is {} characters long, allowed are {}; shorten it", field, length(value), longest));
}

Result<> check_environment(const std::map<std::string, std::string>& environment) {
  constexpr std::size_t kMostBytes = 4096;
  std::size_t bytes = 0;
  for (const auto& [name, value] : environment) {
    bool good = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                std::ranges::all_of(name, [](char c) { return is_letter_or_digit(c) || c == '_'; });
    if (!good) {
      return wrong(fmt::format(
          "environment: the name {} is not allowed; use letters, digits and '_', not beginning with a digit",
          shown(name)));
    }
    if (value.find('\0') != std::string::npos) {
      return wrong(fmt::format("environment: the value of {} holds a NUL byte; remove it", shown(name)));
    }
    bytes += name.size() + value.size();
  }
  if (bytes > kMostBytes) {
    return wrong(
        fmt::format("environment: names and values are {} bytes together, allowed are {}; keep large values in a file "
                    "of the package",
                    bytes, kMostBytes));
  }
  return {};
}

Result<> check_logging(const model::LoggingConfig& logging) {
  if (logging.format == model::LogFormat::Text && (logging.application_level || logging.system_level)) {
    return wrong("logging: levels need the format JSON; set it, or leave the levels out");
  }
  using model::LogLevel;
  if (logging.system_level && *logging.system_level != LogLevel::Debug && *logging.system_level != LogLevel::Info &&
      *logging.system_level != LogLevel::Warn) {
    return wrong("logging: the system level can be DEBUG, INFO or WARN; choose one of them");
  }
  constexpr std::string_view kOthers = ".-_/#";
  bool good = logging.group.size() <= 512 && std::ranges::all_of(logging.group, [&](char c) {
                return is_letter_or_digit(c) || kOthers.find(c) != std::string_view::npos;
              });
  if (!good) {
    return wrong(fmt::format("logging: the group {} is not allowed; use up to 512 of a-z A-Z 0-9 . - _ / #",
                             shown(logging.group)));
  }
  return {};
}

}  // namespace

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<> check_function_name(const model::FunctionName& name) {
  return check_name("function name", name.text(), 64);
}
Result<> check_layer_name(const model::LayerName& name) {
  return check_name("layer name", name.text(), 64);
}

Result<> check_alias_name(const model::AliasName& name) {
  VIRGA_TRY(check_name("alias name", name.text(), 128));
  if (!is_number(name.text())) return {};
  return wrong(fmt::format("alias name: {} would be taken for a version; add a letter", shown(name.text())));
}

Result<> check_description(std::string_view description) {
  return check_length("description", description, 256);
}

Result<> check_config(const model::FunctionConfig& config) {
  VIRGA_TRY(check_length("runtime", config.runtime, 64));
  if (config.runtime.empty()) return wrong("runtime: it is missing; name one, such as nodejs20.x or python3.11");
  VIRGA_TRY(check_length("handler", config.handler, 128));
  if (config.handler.find_first_of(std::string_view(" \t\r\n\v\f\0", 7)) != std::string::npos) {
    return wrong(fmt::format("handler: {} holds a space; name a file and a function, such as index.handler",
                             shown(config.handler)));
  }
  VIRGA_TRY(check_length("role", config.role, 10'000));
  VIRGA_TRY(check_description(config.description));
  VIRGA_TRY(check_range<std::int64_t>("timeout", config.timeout.count(), 1, 5400, "seconds"));
  VIRGA_TRY(check_range<std::uint64_t>("memory", model::to_mebibytes(config.memory), 128, 32'768, "MB"));
  VIRGA_TRY(check_range<std::uint64_t>("ephemeral storage", model::to_mebibytes(config.ephemeral_storage), 512, 10'240,
                                       "MB"));
  VIRGA_TRY(check_environment(config.environment));
  VIRGA_TRY(check_logging(config.logging));
  constexpr std::size_t kMostLayers = 5;
  if (config.layers.size() > kMostLayers) {
    return wrong(fmt::format("layers: {} are named, allowed are {}; put some of them into one", config.layers.size(),
                             kMostLayers));
  }
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (config.layers[i].layer != config.layers[j].layer) continue;
      return wrong(fmt::format("layers: '{}' is named twice; name one version of it", config.layers[i].layer.text()));
    }
  }
  std::size_t opaque = 0;
  for (const auto& [name, text] : config.opaque) opaque += name.size() + text.size();
  constexpr std::size_t kMostOpaque = 65'536;
  if (opaque > kMostOpaque) {
    return wrong(fmt::format("configuration: settings that are only kept are {} bytes, allowed are {}; shorten them",
                             opaque, kMostOpaque));
  }
  return {};
}

Result<> check_tags(const std::map<std::string, std::string>& tags) {
  constexpr std::size_t kMostTags = 50;
  if (tags.size() > kMostTags) {
    return wrong(fmt::format("tags: there would be {}, allowed are {}; remove some first", tags.size(), kMostTags));
  }
  for (const auto& [key, value] : tags) {
    if (key.empty()) return wrong("tags: a key is empty; give it 1 to 128 characters");
    VIRGA_TRY(check_length(fmt::format("tags: the key {}", shown(key)), key, 128));
    VIRGA_TRY(check_length(fmt::format("tags: the value of {}", shown(key)), value, 256));
    if (to_lower(key.substr(0, 4)) == "aws:") {
      return wrong(fmt::format("tags: the key {} begins with 'aws:', which is reserved; choose another", shown(key)));
    }
  }
  return {};
}

Result<> check_attachment(const AttachmentKey& key) {
  VIRGA_TRY(check_name("attachment kind", key.kind, 64));
  if (key.qualifier.empty() || key.qualifier == "$LATEST") return {};
  return check_name("qualifier", key.qualifier, 128);
}

Result<> check_cors(const model::Cors& cors) {
  auto check_list = [](std::string_view field, const std::vector<std::string>& list, std::size_t most,
                       std::size_t longest) -> Result<> {
    if (list.size() > most) {
      return wrong(fmt::format("cors {}: {} are named, allowed are {}; name fewer", field, list.size(), most));
    }
    for (const std::string& element : list)
      VIRGA_TRY(check_length(fmt::format("cors {}: {}", field, shown(element)), element, longest));
    return {};
  };
  VIRGA_TRY(check_list("allowed headers", cors.allow_headers, 100, 1024));
  VIRGA_TRY(check_list("allowed methods", cors.allow_methods, 6, 6));
  VIRGA_TRY(check_list("allowed origins", cors.allow_origins, 100, 253));
  VIRGA_TRY(check_list("exposed headers", cors.expose_headers, 100, 1024));
  if (cors.max_age) VIRGA_TRY(check_range<std::int64_t>("cors max age", cors.max_age->count(), 0, 86'400, "seconds"));
  return {};
}

Result<> check_alias(const FunctionEntry& entry, const model::Alias& alias) {
  VIRGA_TRY(check_description(alias.description));
  auto check_version = [&](model::VersionNumber number) -> Result<> {
    if (entry.version(number)) return {};
    return fail(ErrorCode::NotFound, fmt::format("alias '{}': function '{}' has no version {}; publish it first",
                                                 alias.name.text(), entry.function.name.text(), number.text()));
  };
  VIRGA_TRY(check_version(alias.version));
  if (!alias.additional) return {};
  VIRGA_TRY(check_version(alias.additional->version));
  double weight = alias.additional->weight;
  if (!(weight >= 0 && weight <= 1)) {
    return wrong(fmt::format("alias '{}': the weight {} is not allowed; choose 0.0 to 1.0", alias.name.text(), weight));
  }
  if (alias.version.is_latest() || alias.additional->version.is_latest()) {
    return wrong(fmt::format("alias '{}': $LATEST cannot share calls by weight; publish a version and name that",
                             alias.name.text()));
  }
  if (alias.version == alias.additional->version) {
    return wrong(fmt::format("alias '{}': version {} is named twice; weigh two different ones", alias.name.text(),
                             alias.version.text()));
  }
  return {};
}

}  // namespace virga::catalog::internal
