// Answers every request with "Hello, World!" on the port given (0: any), and says which: the cost of the server alone.
#include <cstdio>
#include <cstdlib>

#include "virga/http/server.h"

namespace {

class Hello : public virga::http::Handler {
 public:
  virga::io::Task<virga::http::Response> handle(const virga::http::Request&) override {
    virga::http::Response response;
    response.fields = "Content-Type: text/plain\r\n";
    response.body = "Hello, World!";
    co_return response;
  }
};

}  // namespace

int main(int count, char** arguments) {
  auto port = static_cast<std::uint16_t>(count > 1 ? std::atoi(arguments[1]) : 0);
  auto loop = virga::io::Loop::create();
  if (!loop) return std::fprintf(stderr, "%s\n", loop.error().message().c_str()), 1;
  auto listener = virga::io::Listener::listen(**loop, "127.0.0.1", port);
  if (!listener) return std::fprintf(stderr, "%s\n", listener.error().message().c_str()), 1;
  std::printf("%d\n", listener->port());
  std::fflush(stdout);
  Hello hello;
  virga::http::Server server(**loop, hello);
  server.serve(std::move(*listener));
  (*loop)->run();
}
