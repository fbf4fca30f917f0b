#pragma once

#include <cstdint>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

// Called by the sandbox's first process, in its own network namespace.
enum class Link { Up, Down };
Result<> set_loopback(Link state);
// Listening on 127.0.0.1:9001, non-blocking.
Result<os::Descriptor> listen_for_runtime_api();
// Likewise on another port: where functions find Virga's services.
Result<os::Descriptor> listen_for_services(std::uint16_t port);

// Where a sandbox with a way out asks for names: UDP and TCP sockets on 127.0.0.53:53, to be handed out. Both exist
// before the program runs, so nothing inside can take their place.
struct NameSockets {
  os::Descriptor datagrams;
  os::Descriptor listener;
};
Result<NameSockets> open_name_sockets();
inline constexpr const char* kResolvConf = "nameserver 127.0.0.53\n";

}  // namespace virga::sandbox::spawn
