#include "virga/cli/client_verb.h"

#include "virga/io/task_group.h"

namespace virga::cli {

void ClientVerb::declare(CLI::App& app) {
  declare_own(app);
  add(app, shared_, {Shared::Endpoint, Shared::Region, Shared::Data, Shared::Json});
}

Result<ExitCode> ClientVerb::run(Console& console) {
  VIRGA_TRY(prepare(console));
  Client::Options options;
  VIRGA_TRY_ASSIGN(options.endpoint, find_endpoint(shared_.endpoint));
  auto data = shared_.data.empty() ? default_data_directory().value_or("") : shared_.data;
  options.credentials = find_credentials(environment, data);
  options.region = shared_.region;
  VIRGA_TRY_ASSIGN(auto loop, io::Loop::create());
  Client client(*loop, std::move(options));
  Result<ExitCode> code = ExitCode::Ok;
  auto whole = [](ClientVerb& verb, Client& to, Console& with, Result<ExitCode>& result) -> io::Task<void> {
    result = co_await verb.talk(to, with);
  };
  io::run_until_done(*loop, whole(*this, client, console, code));
  return code;
}

}  // namespace virga::cli
