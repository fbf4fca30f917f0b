#pragma once

#include <expected>
#include <utility>

#include "virga/base/error.h"

namespace virga {

// What can fail returns Result<T>. Nothing in Virga throws.
template <typename T = void>
using Result = std::expected<T, Error>;

// `return fail(ErrorCode::NotFound, "...")` from any function that returns a Result.
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace virga

// Statements, not statement expressions: compilers crash on those with co_await inside.
#define VIRGA_CONCAT_INNER(a, b) a##b
#define VIRGA_CONCAT(a, b) VIRGA_CONCAT_INNER(a, b)

#define VIRGA_TRY_WITH(return_keyword, expression)                                         \
  do {                                                                                     \
    if (auto virga_try_result = (expression); !virga_try_result) {                         \
      return_keyword std::unexpected<::virga::Error>(std::move(virga_try_result).error()); \
    }                                                                                      \
  } while (false)

#define VIRGA_TRY_ASSIGN_WITH(return_keyword, temporary, target, expression)                    \
  auto temporary = (expression);                                                                \
  if (!temporary) return_keyword std::unexpected<::virga::Error>(std::move(temporary).error()); \
  target = std::move(*temporary)

// VIRGA_TRY(expression): returns its error, if it has one.
#define VIRGA_TRY(expression) VIRGA_TRY_WITH(return, expression)
// VIRGA_TRY_ASSIGN(auto value, expression): declares or assigns its value, or returns its error.
#define VIRGA_TRY_ASSIGN(target, expression) \
  VIRGA_TRY_ASSIGN_WITH(return, VIRGA_CONCAT(virga_try_, __COUNTER__), target, expression)
// The same in a coroutine.
#define VIRGA_CO_TRY(expression) VIRGA_TRY_WITH(co_return, expression)
#define VIRGA_CO_TRY_ASSIGN(target, expression) \
  VIRGA_TRY_ASSIGN_WITH(co_return, VIRGA_CONCAT(virga_try_, __COUNTER__), target, expression)
