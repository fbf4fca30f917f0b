#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "virga/cli/client.h"
#include "virga/cli/deployment.h"
#include "virga/cli/folder_watch.h"
#include "virga/cli/log_reader.h"
#include "virga/cli/manifest.h"
#include "virga/cli/verbs.h"
#include "virga/io/event.h"
#include "virga/io/task_group.h"
#include "virga/server/server.h"

namespace virga::cli {

enum class Output { Text, Json };

// What `virga dev` does beside serving: deploys the folder's functions into the server through its own API, calls each
// once, says how to go on, shows their logs, and deploys again what changes. One loop, the server's; everything given
// outlives it.
class DevSession {
 public:
  struct Parts {
    io::Loop& loop;
    server::Server& server;
    Console& console;
    Output output = Output::Text;
    std::string data;
    std::string folder;                                           // what `functions` were read from
    std::function<Result<std::vector<FunctionManifest>>()> read;  // reads them again
    std::vector<FunctionManifest> functions;
  };
  explicit DevSession(Parts parts);

  // Begins; the server must be able to serve.
  void start();
  // Ends what is pending. Await join() before this is destroyed.
  void stop();
  io::Task<void> join();

 private:
  // How the first call of a function went.
  struct FirstCall {
    double milliseconds = 0;
    std::string failure;  // "": it answered
  };
  struct Function {
    FunctionManifest manifest;
    std::optional<Deployed> deployed;
    std::string failure;  // why it is not deployed
    FirstCall call;
    bool is_removed = false;  // from the folder; it still answers
  };

  io::Task<void> run();
  io::Task<void> deploy_one(Function& function);
  io::Task<void> call_one(Function& function);
  void add_reader(std::size_t index);

  // dev_changes.cc
  Result<> watch_folders();
  io::Task<void> follow_changes();
  io::Task<void> apply(std::set<std::string> changed);
  io::Task<void> redeploy(std::size_t index);
  bool concerns(const std::set<std::string>& changed, const FunctionManifest& manifest) const;
  void report(const Function& function);
  void report_failure(const std::string& subject, const Error& error);
  void report_removed(const Function& function);
  io::Task<void> show_logs(std::size_t index);
  Client::Options client_options() const;

  void print_banner() const;
  void print_functions() const;
  void print_json() const;
  void print_entry(std::size_t index, const LogEntry& entry);

  Parts parts_;
  std::deque<Function> functions_;  // they stay where they are while others are added
  Client client_;
  std::vector<std::unique_ptr<Client>> readers_;  // one connection for each function's logs
  std::unique_ptr<FolderWatch> watch_;            // null: changes cannot be watched
  io::TaskGroup tasks_;
  bool stopping_ = false;
};

}  // namespace virga::cli
