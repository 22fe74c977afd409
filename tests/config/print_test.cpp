#include "config/print.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "config/parse.hpp"

namespace freshet::config {
namespace {

/// All settings as text: the schemas are the list of what to compare.
class collector : public schema_visitor {
 public:
  std::map<std::string, std::string> values;
  std::map<std::string, property_info> infos;
  void on_setting(const property_info& info, const std::string& now) override {
    values[path_ + info.name] = now;
    infos[path_ + info.name] = info;
  }
  void enter_table(const std::string& name, const std::string&) override { path_ += name + "."; }
  void leave_table() override { path_.erase(path_.rfind('.', path_.size() - 2) + 1); }

 private:
  std::string path_;
};

template <class S>
std::map<std::string, std::string> values_of(const S& settings) {
  collector c;
  schema_of<S>().visit(settings, c);
  return c.values;
}

std::map<std::string, std::string> values_of_role(const role_settings& settings) {
  return std::visit([](const auto& s) { return values_of(s); }, settings);
}

document read(const std::string& text) {
  problems found("text");
  auto doc = read_document(text, found);
  EXPECT_EQ(found.text(), "");
  return doc.value_or(document{});
}

TEST(example, is_the_file_in_the_repository) {
  const auto file = read_text_file(FRESHET_SOURCE_DIR "/config/freshet.example.toml");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(*file == annotated_example())
      << "write it anew: build/release/freshet config example > config/freshet.example.toml";
}

TEST(example, says_every_default_and_nothing_else) {
  const std::string text = annotated_example();
  const document doc = read(text);
  EXPECT_EQ(values_of(doc.general), values_of(general_settings{}));
  EXPECT_EQ(values_of(doc.logging), values_of(logging_settings{}));
  EXPECT_EQ(values_of(doc.changes), values_of(changes_settings{}));
  EXPECT_EQ(values_of(doc.links), values_of(link_settings{}));
  ASSERT_EQ(doc.roles.size(), 8U);
  for (const role_section& role : doc.roles) {
    role_settings standard = role.settings;
    std::visit([](auto& s) { s = {}; }, standard);
    auto expected = values_of_role(standard);
    if (role.entry.kind == "device") expected["samples_per_second"] = "20.0";
    EXPECT_EQ(values_of_role(role.settings), expected) << role.entry.kind;
  }
  // Each setting of each kind stands there by name, so that "as the default" is not "left out".
  problems none("text");
  const auto root = parse_toml(text, none);
  ASSERT_TRUE(root.has_value());
  for (const role_section& role : doc.roles) {
    const value* table = root->find(role.entry.kind);
    ASSERT_NE(table, nullptr) << role.entry.kind;
    for (const auto& [path, unused] : values_of_role(role.settings)) {
      const value* at = table;
      std::size_t from = 0;
      while (at != nullptr && from <= path.size()) {
        const std::size_t dot = std::min(path.find('.', from), path.size());
        at = at->find(path.substr(from, dot - from));
        from = dot + 1;
      }
      EXPECT_NE(at, nullptr) << role.entry.kind << '.' << path;
    }
  }
}

TEST(example, no_line_is_too_long_to_read) {
  const std::string text = annotated_example();
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = text.find('\n', from);
    EXPECT_LE(end - from, 101U) << text.substr(from, end - from);
    from = end + 1;
  }
}

TEST(schemas, every_setting_has_prose_and_its_examples_are_right) {
  const auto judge = [](const auto& standard) {
    using settings = std::decay_t<decltype(standard)>;
    collector c;
    schema_of<settings>().visit(standard, c);
    for (const auto& [path, info] : c.infos) {
      EXPECT_FALSE(info.prose.empty()) << path;
      EXPECT_EQ(info.prose.back() == '.' || info.prose.back() == ')', true) << path << ": " << info.prose;
    }
    for (const auto& setting : schema_of<settings>().settings()) {
      const property_info& info = setting->info();
      for (const std::string& literal : {info.example, info.optional || info.required ? std::string() : info.standard}) {
        if (literal.empty()) continue;
        problems found("literal");
        const auto root = parse_toml("x = " + literal, found);
        ASSERT_TRUE(root.has_value()) << info.name << " = " << literal;
        settings into;
        setting->read(root->items.at(0), info.name, into, found);
        EXPECT_EQ(found.text(), "");
      }
    }
  };
  judge(general_settings{});
  judge(logging_settings{});
  judge(link_settings{});
  judge(node_settings{});
  judge(role_entry{});
  judge(device_settings{});
  judge(source_settings{});
  judge(uplink_filter_settings{});
  judge(intake_settings{});
  judge(teacher_settings{});
  judge(distiller_settings{});
  judge(distiller_terms{});
  judge(compressor_settings{});
  judge(deployer_settings{});
  judge(stats_settings{});
}

TEST(effective, shows_all_and_reads_back_the_same) {
  const document doc = read(
      "[device]\nbatch = 2\n[links]\nqueue_limit = 9\n"
      "[[nodes]]\nname = \"e\"\nlisten = [\"ipc://e.sock\"]\n"
      "[[roles]]\nkind = \"device\"\nnode = \"e\"\ndevice_id = 5\nsettings.source.severity = 0.25\n"
      "[[roles]]\nkind = \"bench\"\nnode = \"e\"\nname = \"b\"\n");
  const std::string text = effective_text(doc);
  EXPECT_NE(text.find("batch = 2  # default: 4\n"), std::string::npos) << text;
  EXPECT_NE(text.find("severity = 0.25  # default: "), std::string::npos) << text;
  EXPECT_NE(text.find("samples_per_second = 20.0\n"), std::string::npos) << text;
  const document again = read(text);
  EXPECT_EQ(effective_text(again), text);
  ASSERT_EQ(again.roles.size(), 2U);
  EXPECT_EQ(again.roles[0].entry.device_id, 5U);
  EXPECT_EQ(values_of_role(again.roles[0].settings), values_of_role(doc.roles[0].settings));
  EXPECT_EQ(again.links.queue_limit, 9U);
}

TEST(literals, are_toml_that_reads_back) {
  for (const std::string& raw : {std::string("a\"b\\c\n\t\r\x01\x7f"), std::string("ünïcode"), std::string()}) {
    problems found("literal");
    const auto root = parse_toml("x = " + text_literal(raw), found);
    ASSERT_TRUE(root.has_value()) << found.text();
    EXPECT_EQ(root->items.at(0).text, raw);
  }
  for (const double d : {0.0, 1.0, -2.5, 1e-3, 1e300, 0.1, 3e-5, 123456789.0}) {
    problems found("literal");
    const auto root = parse_toml("x = " + real_literal(d), found);
    ASSERT_TRUE(root.has_value()) << real_literal(d);
    EXPECT_EQ(root->items.at(0).kind, value_kind::real) << real_literal(d);
    EXPECT_EQ(root->items.at(0).real, d);
  }
}

TEST(shown_values, are_cut_between_characters) {
  value v;
  v.kind = value_kind::text;
  for (int i = 0; i < 60; ++i) v.text += "é";
  const std::string text = show(v);
  EXPECT_LE(text.size(), 52U);
  problems found("cut");
  EXPECT_TRUE(parse_toml("# " + text + "\n", found).has_value()) << found.text();
}

}  // namespace
}  // namespace freshet::config
