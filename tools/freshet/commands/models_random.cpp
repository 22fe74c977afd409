// freshet models random: a model of any shape without its weights, to know what it would cost before there is one.
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include "config/parse.hpp"
#include "kernels/model/multimodal.hpp"
#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {
namespace {

constexpr const char* beside_the_weights[] = {"freshet_tokenizer.json", "processor_config.json", "tokenizer.json", "tokenizer.model",          "tokenizer_config.json",
                                              "special_tokens_map.json", "preprocessor_config.json", "chat_template.jinja",
                                              "chat_template.json",      "generation_config.json"};

struct random_options {
  std::string config;
  std::string out;
  std::uint64_t seed = 1;
};

result<void> make_random(const random_options& o) {
  const std::filesystem::path source(o.config);
  FRESHET_TRY_ASSIGN(const std::string text, config::read_text_file(source.string()));
  FRESHET_TRY_ASSIGN(const model::model_config shape, model::parse_model_config(text, source.string()));
  std::error_code failed;
  std::filesystem::create_directories(o.out, failed);
  if (failed) return error{errc::io, o.out + ": " + failed.message()};
  const auto home = source.has_parent_path() ? source.parent_path() : std::filesystem::path(".");
  if (std::filesystem::equivalent(home, o.out, failed)) {
    return error{errc::invalid_argument, "--out " + o.out + ": the folder of the configuration itself, whose weights would be lost"};
  }
  const model::multimodal made = model::multimodal::random(shape, o.seed);
  FRESHET_TRY(made.save(o.out));
  for (const char* name : beside_the_weights) {
    const auto from = home / name;
    if (!std::filesystem::exists(from, failed)) continue;
    std::filesystem::copy_file(from, std::filesystem::path(o.out) / name, std::filesystem::copy_options::overwrite_existing, failed);
    if (failed) return error{errc::io, from.string() + ": " + failed.message()};
  }
  std::cout << o.out << ": " << made.weights().count_values() << " parameters\n";
  return {};
}

}  // namespace

void add_models_random(CLI::App& models, action& chosen) {
  auto o = std::make_shared<random_options>();
  CLI::App* app = models.add_subcommand("random", "A model of CONFIG's shape with random weights, for measurements");
  app->footer("The files of tokenizer and image processor that lie beside CONFIG go along. What it answers means nothing;\n"
              "what it costs to run, to teach and to refresh is what a trained one costs.");
  app->add_option("CONFIG", o->config, "A config.json in Hugging Face's layout")->required()->check(CLI::ExistingFile);
  app->add_option("--out", o->out, "Folder for the model")->required();
  app->add_option("--seed", o->seed, "Seed of the weights")->capture_default_str();
  app->callback([o, &chosen] {
    chosen = [o] {
      const auto done = make_random(*o);
      return done.ok() ? static_cast<int>(exit_ok) : report(done.err());
    };
  });
}

}  // namespace freshet::cli
