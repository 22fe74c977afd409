#include "tools/quantise/quantise.hpp"

#include <unistd.h>

#include <cstdio>
#include <optional>

#include "kernels/distill/phases.hpp"
#include "kernels/distill/pretrain.hpp"
#include "kernels/model/model_folder.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/quantise_model.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/quant/packed_weight.hpp"

namespace freshet::tools {
namespace {

constexpr std::size_t questions_a_picture = 4;

result<model::rounding> method_of(const std::string& name) {
  if (name == "rtn") return model::rounding::nearest;
  if (name == "awq") return model::rounding::searched;
  if (name == "gptq") return model::rounding::gptq;
  return error{errc::invalid_argument, "--method " + name + ": use rtn, awq or gptq"};
}

std::int64_t bytes_of(const model::multimodal& m) {
  std::int64_t bytes = 0;
  for (const auto& item : m.weights().all()) bytes += static_cast<std::int64_t>(item.second.nbytes());
  return bytes;
}

result<std::vector<scenes::example>> calibration_of(const distill::phase_set& world, const quantise_request& request) {
  rng random = rng(request.seed).split("calibration");
  std::vector<scenes::example> examples;
  int unasked = 0;
  while (static_cast<int>(examples.size()) < request.pictures) {
    FRESHET_TRY_ASSIGN(scenes::example e, world.phases.front().draw(random));
    random.shuffle(e.questions);
    if (e.questions.size() > questions_a_picture) e.questions.resize(questions_a_picture);
    if (!e.questions.empty()) {
      examples.push_back(std::move(e));
    } else if (++unasked > 1000) {
      return error{errc::invalid_argument, request.data + ": hardly a picture has questions"};
    }
  }
  return examples;
}

/// Accuracy of the model in float, of the quantised one, and of its weights with float activations.
result<void> measure(const model::multimodal& dense, const model::multimodal& quantised, const model::tokenizer& words,
                     const distill::phase_set& world, const quantise_request& request) {
  const model::multimodal weights_only = quantised.with_float_matrices();
  std::printf("%-14s %9s %9s %9s %28s\n", "phase", "questions", "float", "quantised", "weights only, float inputs");
  double sums[3] = {0, 0, 0};
  for (const distill::phase& p : world.phases) {
    FRESHET_TRY_ASSIGN(const auto examples, p.held_out(static_cast<std::size_t>(request.measured)));
    double share[3];
    std::int64_t answered = 0;
    int i = 0;
    for (const model::multimodal* m : {&dense, &quantised, &weights_only}) {
      FRESHET_TRY_ASSIGN(const auto measured, distill::measure_accuracy(*m, words, examples, 1.0, request.seed));
      share[i] = measured.accuracy * 100;
      sums[i] += share[i];
      answered = measured.answered;
      ++i;
    }
    std::printf("%-14s %9lld %8.2f%% %8.2f%% %27.2f%%\n", p.name.c_str(), static_cast<long long>(answered), share[0], share[1], share[2]);
    std::fflush(stdout);
  }
  const auto n = static_cast<double>(world.phases.size());
  std::printf("%-14s %9s %8.2f%% %8.2f%% %27.2f%%\n", "mean", "", sums[0] / n, sums[1] / n, sums[2] / n);
  return {};
}

}  // namespace

result<void> run_quantise(const quantise_request& request) {
  model::quantise_options options;
  FRESHET_TRY_ASSIGN(options.method, method_of(request.method));
  options.format.bits = request.bits;
  options.format.group_size = request.bits == 8 ? quant::whole_row : request.group == 0 ? 32 : request.group;
  if (request.bits == 8 && request.group != 0) {
    return error{errc::invalid_argument, "--group " + std::to_string(request.group) + ": 8 bits have one scale a row"};
  }
  options.head_bits = request.head_bits;
  options.float_vision = request.float_vision;
  if (options.head_bits != 0 && options.head_bits != 8 && options.head_bits != request.bits) {
    return error{errc::invalid_argument, "--head-bits " + std::to_string(request.head_bits) + ": use 8, 0, or what --bits says"};
  }
  FRESHET_TRY_ASSIGN(model::multimodal dense, model::multimodal::load(request.model));
  // Asked as the daemon asks: what calibrates and is measured is what will be read.
  FRESHET_TRY_ASSIGN(const auto asking, model::load_asking_tokenizer(request.model));
  const auto& words = asking.words;
  FRESHET_TRY(dense.take_frame(*words));

  std::optional<distill::phase_set> world;
  std::vector<scenes::example> examples;
  const bool calibrated = options.method != model::rounding::nearest;
  if (calibrated || request.measured > 0) {
    if (!dense.config().vision) {
      return error{errc::unsupported, request.model + ": a decoder alone; only --method rtn without --measure needs no pictures"};
    }
    distill::phase_options phases;
    phases.side = static_cast<int>(dense.config().vision->image_size);
    phases.severity = request.severity;
    phases.seed = request.seed;
    FRESHET_TRY_ASSIGN(world, distill::open_phases(request.data, request.phases, phases));
    if (calibrated) {
      FRESHET_TRY_ASSIGN(examples, calibration_of(*world, request));
    }
  }
  std::optional<error> failed;
  const model::calibration_run calibrate = [&](const model::multimodal& m) {
    // Answering reaches every layer, the head included.
    const auto ran = distill::measure_accuracy(m, *words, examples, 1.0, request.seed);
    if (!ran.ok()) failed = ran.err();
  };
  const bool tty = ::isatty(STDERR_FILENO) == 1 && !request.quiet;
  const auto progress = [&](const std::string& layer, double share) {
    if (tty) std::fprintf(stderr, "\r\033[K%3.0f%% %s%s", share * 100, layer.c_str(), share < 1 ? "" : "\r\033[K");
  };
  auto made = model::quantise_model(dense, options, calibrate, progress);
  if (failed) return *failed;
  if (!made.ok()) return error{made.err().code, request.model + ": " + made.err().context};
  FRESHET_TRY(model::copy_beside_weights(request.model, request.out));
  FRESHET_TRY(made->save(request.out));
  std::printf("%s: %.2f MB of tensors, %.2f MB before\n", request.out.c_str(), static_cast<double>(bytes_of(*made)) / 1e6,
              static_cast<double>(bytes_of(dense)) / 1e6);
  if (request.measured > 0) FRESHET_TRY(measure(dense, *made, *words, *world, request));
  return {};
}

}  // namespace freshet::tools
