#include "virga/sandbox/internal/image.h"

// The program's bytes, put here at build time. The path comes from the build.
__asm__(
    ".section .rodata.virga_spawn,\"a\",%progbits\n"
    ".balign 16\n"
    ".globl virga_spawn_begin\n"
    ".hidden virga_spawn_begin\n"
    "virga_spawn_begin:\n"
    ".incbin \"" VIRGA_IMAGE
    "\"\n"
    ".globl virga_spawn_end\n"
    ".hidden virga_spawn_end\n"
    "virga_spawn_end:\n"
    ".previous\n");

extern "C" {
extern const char kSpawnBegin[] asm("virga_spawn_begin");
extern const char kSpawnEnd[] asm("virga_spawn_end");
}

namespace virga::sandbox {

std::string_view embedded_spawn() {
  return {kSpawnBegin, static_cast<std::size_t>(kSpawnEnd - kSpawnBegin)};
}

}  // namespace virga::sandbox
