#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "virga/cli/client.h"
#include "virga/cli/manifest.h"
#include "virga/cli/table.h"

namespace virga::cli {

enum class Publish { No, Yes };
enum class Change { Created, Updated, Unchanged };
std::string_view name_of(Change change);

// Whether a file or folder of the code stays at home: what tools keep there for themselves.
bool is_left_out(std::string_view path);

struct Deployed {
  std::string name;
  std::string runtime;
  std::string version;  // "$LATEST", or the number that was published
  std::string url;      // "": none
  std::uint64_t zip_bytes = 0;
  Change change = Change::Created;
  std::chrono::milliseconds time{};  // zipping and every request
};

// Zips the code and makes the function so, whether it exists or not; waits until it may be called.
io::Task<Result<Deployed>> deploy(Client& client, FunctionManifest function, Publish publish);

Table make_deployment_table();
void add(Table& table, const Deployed& deployed);
boost::json::object to_json(const Deployed& deployed);

// "640 B", "1.2 kB", "3.4 MB".
std::string format_size(std::uint64_t bytes);
// "0.84 ms", "12 ms", "1.3 s"
std::string format_milliseconds(double milliseconds);

}  // namespace virga::cli
