#include "config/print.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema.hpp"
#include "config/value.hpp"

namespace freshet::config {
namespace {

/// Comment lines of at most 100 columns.
/// A long list goes on in the next line, under its first item.
std::string wrapped_list(std::string line) {
  constexpr std::size_t width = 100;
  const std::size_t open = line.find('[');
  std::size_t begin = 0;
  while (open != std::string::npos && line.size() - begin > width) {
    const std::size_t comma = line.rfind(", ", begin + width);
    if (comma == std::string::npos || comma <= std::max(begin, open)) break;
    line.replace(comma, 2, ",\n" + std::string(open + 1, ' '));
    begin = comma + 2;
  }
  return line;
}

void comment(std::string& out, std::string_view prose, std::string_view indent = "") {
  constexpr std::size_t width = 100;
  std::string line;
  const auto flush = [&] {
    out += "# " + std::string(indent) + line + '\n';
    line.clear();
  };
  std::size_t at = 0;
  while (at < prose.size()) {
    const std::size_t end = std::min(prose.find(' ', at), prose.size());
    const std::string_view word = prose.substr(at, end - at);
    if (!line.empty() && 2 + indent.size() + line.size() + 1 + word.size() > width) flush();
    if (!line.empty()) line += ' ';
    line += word;
    at = end + 1;
  }
  if (!line.empty()) flush();
}

std::string details(const property_info& info) {
  std::vector<std::string> parts;
  if (info.choices.empty()) {
    parts.push_back(info.type + (info.bounds.empty() ? "" : " " + info.bounds));
  } else {
    parts.push_back(info.type == codec<std::string>::type_name() ? "one of the names below" : "a list of the names below");
  }
  if (!info.unit.empty()) parts.push_back("unit: " + info.unit);
  if (info.required) parts.emplace_back("must be given");
  if (info.optional) parts.emplace_back("may be left out");
  if (!info.example.empty() && !info.optional && !info.required) parts.push_back("for example " + info.example);
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return "[" + out + "]";
}

/// Writes settings as TOML below a table header; nested tables follow with their full name.
class toml_printer : public schema_visitor {
 public:
  toml_printer(std::string& out, std::string path, bool annotated)
      : out_(out), path_{std::move(path)}, annotated_(annotated) {}

  void on_setting(const property_info& info, const std::string& now) override {
    if (annotated_) {
      out_ += '\n';
      comment(out_, info.prose);
      comment(out_, details(info));
      for (const choice& c : info.choices) comment(out_, c.name + ": " + c.prose, "  ");
      // What may be left out has no default to write: show it switched off.
      if (info.optional) {
        out_ += "# " + info.name + " = " + info.example + '\n';
        return;
      }
    } else if (info.optional && now == info.standard) {
      return;
    }
    out_ += wrapped_list(info.name + " = " + now);
    if (!annotated_ && !info.required && !info.optional && now != info.standard)
      out_ += "  # default: " + info.standard;
    out_ += '\n';
  }
  void enter_table(const std::string& name, const std::string& prose) override {
    path_.push_back(joined(path_.back(), name));
    out_ += '\n';
    if (annotated_) comment(out_, prose);
    out_ += "[" + path_.back() + "]\n";
  }
  void leave_table() override { path_.pop_back(); }

 private:
  std::string& out_;
  std::vector<std::string> path_;
  bool annotated_;
};

template <class S>
void print(std::string& out, const std::string& path, const S& settings, bool annotated) {
  toml_printer printer(out, path, annotated);
  schema_of<S>().visit(settings, printer);
}

void section(std::string& out, const std::string& title, std::string_view prose) {
  out += "\n\n# " + title + " " + std::string(title.size() < 94 ? 97 - title.size() : 3, '-') + "\n";
  comment(out, prose);
}

template <std::size_t... I>
void print_kinds(std::string& out, std::index_sequence<I...>) {
  const auto one = [&](std::size_t kind, const auto& settings) {
    using settings_type = std::decay_t<decltype(settings)>;
    if (schema_of<settings_type>().names().empty()) return;
    const std::string& kind_name = role_kinds()[kind].name;
    section(out, kind_name, "Settings of every role of this kind: " + role_kinds()[kind].prose + ".");
    out += "[" + kind_name + "]\n";
    print(out, kind_name, settings, true);
  };
  (one(I, std::variant_alternative_t<I, role_settings>{}), ...);
}

}  // namespace

std::string annotated_example() {
  std::string out;
  comment(out, "Every setting of Freshet with its default. Made by `freshet config example`; `freshet check FILE` "
               "says whether a file is right. What is left out has its default, so a real file is short: see the "
               "nodes and roles at the end. Durations are texts with a unit (ms, s, m, h), sizes are texts with a "
               "unit (B, KB, MB, GB of 1000; KiB, MiB, GiB of 1024) or whole numbers of bytes, shares are from 0 to 1.");
  comment(out, "`freshet apply FILE` changes a running daemon: roles whose settings differ are restarted, the rest is "
               "left alone. Only state_dir, [logging], [links], [service], [changes], [stats] and what a node has itself (listen, "
               "threads, keys) need a restart of the daemon.");
  print(out, "", general_settings{}, true);
  section(out, "logging", "The log of every process, on standard error.");
  out += "[logging]\n";
  print(out, "logging", logging_settings{}, true);
  section(out, "links", "All links between roles.");
  out += "[links]\n";
  print(out, "links", link_settings{}, true);
  section(out, "service", "The daemon as a service: what operators and the service manager see.");
  out += "[service]\n";
  print(out, "service", service_settings{}, true);
  section(out, "changes", "Changes of a running daemon: `freshet apply`, `set`, `pause`, `resume`, `drain`.");
  out += "[changes]\n";
  print(out, "changes", changes_settings{}, true);
  print_kinds(out, std::make_index_sequence<std::variant_size_v<role_settings>>());

  section(out, "nodes", "One process each.");
  out += "[[nodes]]\n";
  node_settings cloud;
  cloud.name = "cloud";
  cloud.listen = {"ipc://cloud.sock"};
  print(out, "nodes", cloud, true);
  out += "\n[[nodes]]\nname = \"edge-1\"\n";

  section(out, "roles",
          "What runs where. Links follow from the kinds: device, uplink_filter (on the device's node), intake, "
          "teacher, distiller with compressor, deployer, device; every role reports to stats. A table `settings` "
          "changes the settings of the kind for one role.");
  out += "[[roles]]\n";
  role_entry device;
  device.kind = "device";
  device.node = "edge-1";
  print(out, "roles", device, true);
  out += "settings = { samples_per_second = 20.0 }\n";
  out += "\n[[roles]]\nkind = \"uplink_filter\"\nnode = \"edge-1\"\n";
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
    out += "\n[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
  return out;
}

std::string effective_text(const document& doc) {
  std::string out;
  print(out, "", doc.general, false);
  out += "\n[logging]\n";
  print(out, "logging", doc.logging, false);
  out += "\n[links]\n";
  print(out, "links", doc.links, false);
  out += "\n[service]\n";
  print(out, "service", doc.service, false);
  out += "\n[changes]\n";
  print(out, "changes", doc.changes, false);
  for (const node_section& node : doc.nodes) {
    out += "\n[[nodes]]\n";
    print(out, "nodes", node.settings, false);
  }
  for (const role_section& role : doc.roles) {
    out += "\n[[roles]]\n";
    print(out, "roles", role.entry, false);
    out += "[roles.settings]\n";
    std::visit([&](const auto& settings) { print(out, "roles.settings", settings, false); }, role.settings);
  }
  return out;
}

}  // namespace freshet::config
