// What the differential test of the HTTP server speaks with:
//   virga-http-echo          serves on a free port and prints it; then a line "METHOD BODY_BYTES TARGET" for each
//   request virga-http-echo corpus   prints the messages of the unit tests: "refused|sound NAME BYTES", in hexadecimal
//   digits
#include <cstdio>
#include <string_view>

#include "virga/base/encoding.h"
#include "virga/http/server.h"
#include "virga/http/testing/smuggling_corpus.h"
#include "virga/http/testing/sound_messages.h"

namespace {

class Echo : public virga::http::Handler {
 public:
  virga::io::Task<virga::http::Response> handle(const virga::http::Request& request) override {
    std::printf("%.*s %zu %.*s\n", static_cast<int>(request.method.size()), request.method.data(), request.body.size(),
                static_cast<int>(request.target.size()), request.target.data());
    std::fflush(stdout);
    virga::http::Response response;
    response.body = "seen\n";
    co_return response;
  }
};

std::string hex(std::string_view bytes) {
  return virga::to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// The names hold the bytes they speak of, so they are printed as hexadecimal digits too.
void print(const char* kind, std::string_view name, std::string_view bytes) {
  std::printf("%s %s %s\n", kind, hex(name).c_str(), hex(bytes).c_str());
}

int print_corpus() {
  for (const auto& one : virga::http::testing::smuggling_corpus()) print("refused", one.name, one.bytes);
  for (const auto& one : virga::http::testing::sound_messages()) print("sound", one.name, one.bytes);
  return 0;
}

int serve() {
  auto loop = virga::io::Loop::create();
  if (!loop) return std::fprintf(stderr, "%s\n", loop.error().message().c_str()), 1;
  auto listener = virga::io::Listener::listen(**loop, "127.0.0.1", 0);
  if (!listener) return std::fprintf(stderr, "%s\n", listener.error().message().c_str()), 1;
  std::printf("%d\n", listener->port());
  std::fflush(stdout);
  Echo echo;
  virga::http::Server server(**loop, echo);
  server.serve(std::move(*listener));
  (*loop)->run();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "corpus") return print_corpus();
  return serve();
}
