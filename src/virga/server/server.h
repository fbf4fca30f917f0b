#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/model/units.h"
#include "virga/sandbox/helper.h"

namespace virga::server {

struct Options {
  std::string listen = "127.0.0.1";
  std::uint16_t port = 4600;  // 0: any free one
  std::string data_directory;
  std::string runtimes_directory;  // "": found beside the program
  std::string region = "us-east-1";
  std::string account = "000000000000";
  std::string key_id;  // both empty: made at random at the first start and kept in the data folder with mode 0600
  std::string secret_key;
  std::uint32_t concurrency = 1000;              // calls at once, of all functions together
  std::chrono::seconds queue_wait{30};           // of a call, until it is refused
  bool templates = true;                         // instances may be forks (docs/templates.md)
  model::Bytes memory_budget;                    // of all instances together; 0: a share of the machine's memory
  std::chrono::milliseconds freeze_after{2000};  // without a call, until an instance is frozen; 0: never
  bool public_functions = false;  // `virga dev`: a function without a URL configuration answers at /fn/NAME/ as well
  sandbox::Helper::Privilege privilege = sandbox::Helper::Privilege::Auto;
  // As root: who to become while serving; see choose_user() in service_user.h.
  std::string user;
  std::string usual_user;
  std::vector<std::string> egress_allowed;  // private IPv4 ranges that functions with a way out may reach
  std::vector<std::string> readable_paths;  // that the program reads itself while it serves, beside the data folder
};

// The whole of Virga in one process: builds the parts, bottom floor first, serves, and stops them in reverse. One loop;
// create it before there are other threads. From its creation on the process has no privilege and reaches little beside
// the data folder (sandbox/confinement.h); that is for good.
class Server {
 public:
  // Everything that can go wrong at a start ends here, with one clear line and what to do: a port in use, a data folder
  // in use or damaged, a full disk, missing runtimes, no way to make sandboxes.
  static Result<std::unique_ptr<Server>> create(io::Loop& loop, Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  std::string url() const;  // http://127.0.0.1:4600
  const std::string& key_id() const;
  const std::string& secret_key() const;
  std::string key_file() const;                  // where a key that was made is kept; "" if it was given
  std::chrono::milliseconds ready_time() const;  // from create() until /readyz answered 200
  bool is_root() const;                          // sandboxes have every limit
  const std::string& user() const;               // as whom it serves

  // Ends what runs and returns when nothing is left: no process, no mount, no cgroup.
  io::Task<void> stop();

 private:
  Server();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::server
