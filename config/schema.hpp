// The settings of one component: a plain struct whose defaults are its member initialisers, and a
// schema that says everything else. A settings struct S provides
//     static void describe(schema<S>&);
// and is read with schema_of<S>().read(...).
// Thread contract: schema_of builds once, under the language's guard; then read only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/problem.hpp"
#include "config/property.hpp"
#include "config/value.hpp"

namespace freshet::config {

/// Reports a table's unknown keys, each with what may have been meant.
void report_unknown_keys(const value& table, const std::string& path, const std::vector<std::string>& known,
                         problems& out);
[[nodiscard]] std::string joined(const std::string& path, const std::string& name);

/// Something about two settings together that does not fit.
struct conflict {
  std::string key;      ///< the setting to blame
  std::string message;
};

/// Receives the settings of a schema in order: the example file and the live view are two of these.
class schema_visitor {
 public:
  virtual ~schema_visitor() = default;
  virtual void on_setting(const property_info& info, const std::string& now) = 0;
  virtual void enter_table(const std::string& name, const std::string& prose) = 0;
  virtual void leave_table() = 0;
};

template <class S>
class schema {
 public:
  template <class T>
  typed_property<S, T>& setting(std::string name, T S::*member, std::string prose) {
    auto owned = std::make_unique<typed_property<S, T>>(std::move(name), member, std::move(prose));
    auto& reference = *owned;
    settings_.push_back(std::move(owned));
    return reference;
  }

  /// A struct within this one, written as a table of its own ("[device.source]").
  template <class T>
  void table(std::string name, T S::*member, std::string prose);

  /// A condition over several settings.
  void rule(std::function<std::optional<conflict>(const S&)> condition) { rules_.push_back(std::move(condition)); }

  /// Reads what the table says over what `into` holds already. Reports every problem.
  void read(const value& given, const std::string& path, S& into, problems& out) const {
    if (given.kind != value_kind::table) {
      out.add(given.at, path, show(given) + " is not a table of settings");
      return;
    }
    const std::size_t before = out.size();
    report_unknown_keys(given, path, names(), out);
    for (const auto& setting : settings_) {
      const property_info& info = setting->info();
      if (const value* v = given.find(info.name)) {
        setting->read(*v, joined(path, info.name), into, out);
      } else if (info.required) {
        out.add(given.at, joined(path, info.name), "missing; write, say, " + info.name + " = " + info.example);
      }
    }
    for (const nested& n : tables_)
      if (const value* v = given.find(n.name)) n.read(*v, joined(path, n.name), into, out);
    if (out.size() != before) return;  // a rule over values that are wrong by themselves misleads
    for (const auto& rule : rules_)
      if (const auto wrong = rule(into)) out.add(given.place_of(wrong->key), joined(path, wrong->key), wrong->message);
  }

  void visit(const S& now, schema_visitor& visitor) const {
    for (const auto& setting : settings_) visitor.on_setting(setting->info(), setting->write(now));
    for (const nested& n : tables_) {
      visitor.enter_table(n.name, n.prose);
      n.visit(now, visitor);
      visitor.leave_table();
    }
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& setting : settings_) list.push_back(setting->info().name);
    for (const nested& n : tables_) list.push_back(n.name);
    return list;
  }
  [[nodiscard]] const std::vector<std::unique_ptr<property<S>>>& settings() const noexcept { return settings_; }

 private:
  struct nested {
    std::string name;
    std::string prose;
    std::function<void(const value&, const std::string&, S&, problems&)> read;
    std::function<void(const S&, schema_visitor&)> visit;
  };
  std::vector<std::unique_ptr<property<S>>> settings_;
  std::vector<nested> tables_;
  std::vector<std::function<std::optional<conflict>(const S&)>> rules_;
};

template <class S>
const schema<S>& schema_of() {
  static const schema<S> instance = [] {
    schema<S> s;
    S::describe(s);
    return s;
  }();
  return instance;
}

template <class S>
template <class T>
void schema<S>::table(std::string name, T S::*member, std::string prose) {
  nested n;
  n.name = std::move(name);
  n.prose = std::move(prose);
  n.read = [member](const value& v, const std::string& path, S& into, problems& out) {
    schema_of<T>().read(v, path, into.*member, out);
  };
  n.visit = [member](const S& now, schema_visitor& visitor) { schema_of<T>().visit(now.*member, visitor); };
  tables_.push_back(std::move(n));
}

}  // namespace freshet::config
