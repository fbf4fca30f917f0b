#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace CLI {
class App;
}

namespace virga::cli {

// Options that several verbs take. Each is declared once, in the table in options.cc.
enum class Shared { Json, Endpoint, Region, Data, Runtimes, Port, LogLevel, Concurrency, QueueWait };

struct SharedOptions {
  bool json = false;
  std::string endpoint;  // "": the environment, then http://127.0.0.1:4600
  std::string region = "us-east-1";
  std::string data;      // "": see default_data_directory()
  std::string runtimes;  // "": beside the program
  std::uint16_t port = 4600;
  std::string log_level = "info";
  std::uint32_t concurrency = 1000;
  std::uint32_t queue_wait = 30;  // seconds
};

void add(CLI::App& app, SharedOptions& options, std::initializer_list<Shared> which);

// The value of an environment variable, or "".
std::string environment(std::string_view name);

// $VIRGA_DATA; else /var/lib/virga if it is a folder this user may write (a package or a service manager made it); else
// ~/.virga. InvalidArgument when there is no home folder either.
Result<std::string> default_data_directory();

inline constexpr std::uint16_t kDefaultPort = 4600;

}  // namespace virga::cli
