// A setting as a thing of its own: everything that is known about it stands in one place, and the
// reader, the example file, `freshet config show` and error messages all derive from that.
// Thread contract: built once, then read only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/codec.hpp"
#include "config/problem.hpp"
#include "config/value.hpp"

namespace freshet::config {

/// One of the names that a setting may have, with a sentence: choosing by name is how strategies plug in.
struct choice {
  std::string name;
  std::string prose;
};

/// What people are told about a setting.
struct property_info {
  std::string name;
  std::string prose;
  std::string type;      ///< "a duration such as \"500ms\""
  std::string unit;      ///< what one of it is: "samples"; empty where the type says it
  std::string standard;  ///< the default, as TOML
  std::string bounds;    ///< "from 1 to 1024"; empty without
  std::string example;   ///< another sensible value, as TOML; empty without
  bool required = false;   ///< has no default and must be given
  bool optional = false;   ///< has no default and may be left out
  std::vector<choice> choices;
};

/// A property of struct S, whatever its type.
template <class S>
class property {
 public:
  virtual ~property() = default;
  [[nodiscard]] virtual const property_info& info() const = 0;
  /// Takes the value over if it is right; reports otherwise and leaves `into` alone.
  virtual void read(const value& v, const std::string& path, S& into, problems& out) const = 0;
  /// The value in `from`, as TOML.
  [[nodiscard]] virtual std::string write(const S& from) const = 0;
};

template <class S, class T>
class typed_property final : public property<S> {
 public:
  typed_property(std::string name, T S::*member, std::string prose) : member_(member) {
    info_.name = std::move(name);
    info_.prose = std::move(prose);
    info_.type = codec<T>::type_name();
    info_.standard = codec<T>::write(S{}.*member);
  }

  typed_property& between(T low, T high) {
    info_.bounds = "from " + codec<T>::write(low) + " to " + codec<T>::write(high);
    low_ = std::move(low);
    high_ = std::move(high);
    return *this;
  }
  /// Texts, or every item of a list of texts, must be among these.
  typed_property& one_of(std::vector<choice> choices) {
    info_.choices = std::move(choices);
    return *this;
  }
  typed_property& unit(std::string text) {
    info_.unit = std::move(text);
    return *this;
  }
  typed_property& required() {
    info_.required = true;
    return *this;
  }
  typed_property& optional() {
    info_.optional = true;
    return *this;
  }
  typed_property& example(const T& other) {
    info_.example = codec<T>::write(other);
    return *this;
  }
  /// A further condition: the empty text when it holds, else what would be right.
  typed_property& check(std::function<std::string(const T&)> condition) {
    check_ = std::move(condition);
    return *this;
  }

  [[nodiscard]] const property_info& info() const override { return info_; }

  void read(const value& v, const std::string& path, S& into, problems& out) const override {
    std::optional<T> parsed = codec<T>::read(v);
    if (!parsed) {
      out.add(v.at, path, show(v) + " is not " + info_.type + codec<T>::hint(v));
      return;
    }
    if (!check_choices(v, path, info_, out)) return;
    if constexpr (is_ordered_v<T>) {
      if ((low_ && *parsed < *low_) || (high_ && *high_ < *parsed)) {
        out.add(v.at, path, show(v) + " is out of bounds; it must be " + info_.bounds);
        return;
      }
    }
    if (check_) {
      if (const std::string wrong = check_(*parsed); !wrong.empty()) {
        out.add(v.at, path, show(v) + ": " + wrong);
        return;
      }
    }
    into.*member_ = std::move(*parsed);
  }

  [[nodiscard]] std::string write(const S& from) const override { return codec<T>::write(from.*member_); }

 private:
  /// True when `v`, or each of its items, is among the choices (or there are none).
  static bool check_choices(const value& v, const std::string& path, const property_info& info, problems& out) {
    return names_are_known(v, path, info.name, choice_names(info.choices), out);
  }
  static std::vector<std::string> choice_names(const std::vector<choice>& choices) {
    std::vector<std::string> names;
    for (const choice& c : choices) names.push_back(c.name);
    return names;
  }

  T S::*member_;
  property_info info_;
  std::optional<T> low_;
  std::optional<T> high_;
  std::function<std::string(const T&)> check_;
};

}  // namespace freshet::config
