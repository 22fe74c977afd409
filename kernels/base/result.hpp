// result<T>: a value or an error. Reading the wrong side is a broken invariant and aborts.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "kernels/base/check.hpp"
#include "kernels/base/error.hpp"

namespace freshet {

template <class T>
class [[nodiscard]] result {
  static_assert(!std::is_same_v<std::decay_t<T>, error>, "result<error> is ambiguous");

 public:
  using value_type = T;

  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by intent
  result(error e) : state_(std::in_place_index<1>, std::move(e)) {}      // NOLINT: implicit by intent
  result(errc code, std::string context) : state_(std::in_place_index<1>, error{code, std::move(context)}) {}

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] const T& value() const& {
    check_value();
    return std::get<0>(state_);
  }
  [[nodiscard]] T& value() & {
    check_value();
    return std::get<0>(state_);
  }
  [[nodiscard]] T&& value() && {
    check_value();
    return std::get<0>(std::move(state_));
  }
  [[nodiscard]] const error& err() const& {
    FRESHET_ENSURE(!ok(), "err() of a result that holds a value");
    return std::get<1>(state_);
  }

  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  void check_value() const {
    FRESHET_ENSURE(ok(), std::get<1>(state_).text());
  }
  std::variant<T, error> state_;
};

/// Success without a value.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(error e) : error_(std::move(e)) {}  // NOLINT: implicit by intent
  result(errc code, std::string context) : error_(error{code, std::move(context)}) {}

  [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const error& err() const& {
    FRESHET_ENSURE(!ok(), "err() of a result that succeeded");
    return *error_;
  }

 private:
  std::optional<error> error_;
};

}  // namespace freshet

#define FRESHET_CONCAT_INNER(a, b) a##b
#define FRESHET_CONCAT(a, b) FRESHET_CONCAT_INNER(a, b)

/// Returns the error of `expr` from the enclosing function, if it has one.
#define FRESHET_TRY(expr)                               \
  do {                                                  \
    auto freshet_try_result = (expr);                   \
    if (!freshet_try_result.ok()) return freshet_try_result.err(); \
  } while (false)

/// `FRESHET_TRY_ASSIGN(auto x, f());` binds the value or returns the error.
#define FRESHET_TRY_ASSIGN(lhs, expr) FRESHET_TRY_ASSIGN_INNER(FRESHET_CONCAT(freshet_try_, __LINE__), lhs, expr)
#define FRESHET_TRY_ASSIGN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return tmp.err();               \
  lhs = std::move(tmp).value()
