#include "tools/freshet/bench/model_bench.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "kernels/model/checkpoint.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "tools/freshet/bench/memory_read.hpp"
#include "tools/freshet/bench/random_decoder.hpp"

namespace freshet::cli {
namespace {

constexpr std::size_t vector_rounds = 9;
constexpr std::size_t prefill_rounds = 5;
constexpr std::size_t decode_rounds = 5;
constexpr std::int64_t prompt_tokens = 16;
constexpr std::int64_t decoded_tokens = 16;

/// Keeps a result from being optimised away.
std::atomic<std::uint64_t> sink_of_sums{0};

/// LibTorch's own threads, and those of the BLAS behind it, which listens to nobody else.
void use_threads(int threads) {
  at::set_num_threads(threads);
  using setter = void (*)(int);
  if (const auto set = reinterpret_cast<setter>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(threads);
}

model::text_config decoder_config(std::int64_t hidden, std::int64_t inner, std::int64_t layers, std::int64_t heads,
                                  std::int64_t kv_heads, std::int64_t words) {
  model::text_config t;
  t.hidden_size = hidden;
  t.intermediate_size = inner;
  t.num_hidden_layers = layers;
  t.num_attention_heads = heads;
  t.num_key_value_heads = kv_heads;
  t.head_dim = hidden / heads;
  t.vocab_size = words;
  t.max_position_embeddings = 4096;
  t.rms_norm_eps = 1e-6;
  return t;
}

std::string label(const decoder_shape& shape, int bits, int threads, const char* what) {
  return shape.name + " " + std::to_string(bits) + " bit, " + what + ", " + std::to_string(threads) +
         (threads == 1 ? " thread" : " threads");
}

/// Peak resident bytes of this process so far.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtod(line.c_str() + 6, nullptr) * 1024;
  }
  return 0;
}

struct memory_figures {
  double before = 0;   ///< peak before the model was opened
  double peak = 0;
  double wanted = 0;   ///< weights and key-value cache
};

/// What the child does: opens the file as the loader does, decodes, and says what it took.
result<memory_figures> load_and_decode(const std::filesystem::path& folder, const model::text_config& text, int bits) {
  memory_figures out;
  out.before = peak_bytes();
  FRESHET_TRY_ASSIGN(const model::checkpoint files, model::checkpoint::open(folder));
  model::parameters weights;
  const model::quantisation_config format{bits, bits == 8 ? -1 : 32};
  const model::key_spelling as_it_is;
  for (const std::string& name : files.names()) {
    const std::string layer = name.substr(0, name.rfind('.'));
    if (weights.has(name)) continue;
    if (name != layer + model::levels_suffix && name != layer + model::scales_suffix) {
      FRESHET_TRY_ASSIGN(const host_tensor stored, files.get(name));
      weights.set(name, model::to_torch(stored).clone());
      continue;
    }
    std::vector<std::int64_t> dims{text.vocab_size, text.hidden_size};
    for (const auto& [matrix, shape] : layer_matrices(text)) {
      if (layer.size() > matrix.size() && layer.compare(layer.size() - matrix.size(), matrix.size(), matrix) == 0) dims = shape;
    }
    FRESHET_TRY(model::take_quantised(files, as_it_is, layer + ".weight", dims, format, weights));
  }
  constexpr std::int64_t tokens = 64;
  (void)decode(decoder_over(text, weights), prompt_tokens, tokens);
  out.peak = peak_bytes();
  const std::int64_t cached = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim * (prompt_tokens + tokens) * 4;
  out.wanted = static_cast<double>(bytes_of(weights) + cached);
  return out;
}

result<void> write_decoder(const std::filesystem::path& folder, const model::text_config& text, int bits) {
  const model::parameters weights = random_parameters(text, bits, bits == 4 ? 8 : bits);
  std::vector<model::named_tensor> tensors;
  for (const auto& [name, value] : weights.all()) tensors.push_back({name, model::to_host(value)});
  return model::write_safetensors(folder / "model.safetensors", tensors, {{"alignment", "64"}});
}

/// Runs `work` in a child of its own and gives back what it printed into `out`.
template <class Figures, class Work>
result<Figures> in_child(const Work& work) {
  int ends[2];
  if (::pipe(ends) != 0) return error{errc::io, "no pipe to the child that is measured"};
  const pid_t child = ::fork();
  if (child < 0) return error{errc::io, "no child to measure"};
  if (child == 0) {
    ::close(ends[0]);
    const auto done = work();
    if (done.ok()) {
      const Figures figures = *done;
      const auto written = ::write(ends[1], &figures, sizeof figures);
      ::_exit(written == static_cast<ssize_t>(sizeof figures) ? 0 : 1);
    }
    std::fprintf(stderr, "%s\n", done.err().text().c_str());
    ::_exit(1);
  }
  ::close(ends[1]);
  Figures figures;
  const auto got = ::read(ends[0], &figures, sizeof figures);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (got != static_cast<ssize_t>(sizeof figures) || status != 0) {
    return error{errc::internal, "the child that was to be measured did not finish"};
  }
  return figures;
}

}  // namespace

std::vector<decoder_shape> bench_shapes() {
  decoder_shape small{"0.5B", decoder_config(896, 4864, 24, 14, 2, 151'936), 24};
  small.text.kind = model::text_kind::qwen2;
  small.text.qkv_bias = true;
  small.text.tie_word_embeddings = true;
  return {small, {"7B", decoder_config(4096, 11'008, 32, 32, 32, 32'000), 2}};
}

std::vector<comparison> bench_vectors(const decoder_shape& shape, int bits, int threads,
                                      const std::function<void(const std::string&)>& progress) {
  const at::NoGradGuard no_grad;
  use_threads(threads);
  progress(label(shape, bits, threads, "one row"));
  std::vector<model::quantised_weight> all;
  std::int64_t bytes = 0;
  std::int64_t levels = 0;
  for (std::int64_t i = 0; i < shape.measured_layers; ++i) {
    for (const auto& [name, dims] : layer_matrices(shape.text)) {
      all.push_back(random_matrix(dims[0], dims[1], bits));
      levels += static_cast<std::int64_t>(all.back().levels.nbytes());
      bytes += static_cast<std::int64_t>(all.back().levels.nbytes() + all.back().scales.nbytes());
    }
  }
  const auto read_speed = [&](auto read) {
    return static_cast<double>(levels) / 1e9 / seconds_of([&] {
             for (const auto& w : all) {
               const auto* from = w.levels.data_ptr<std::uint8_t>();
               at::parallel_for(0, w.levels.numel() / 4096, 16, [&](std::int64_t first, std::int64_t last) {
                 sink_of_sums += read(from + first * 4096, static_cast<std::size_t>((last - first) * 4096));
               });
             }
           });
  };
  const at::Tensor x = at::randn({1, std::max(shape.text.hidden_size, shape.text.intermediate_size)});
  const turns t = in_turns(
      vector_rounds,
      [&] {
        return static_cast<double>(bytes) / 1e9 / seconds_of([&] {
                 for (const auto& w : all) (void)model::quantised_linear(x.narrow(1, 0, w.shape.in), w, {}, {}, {}, 0);
               });
      },
      [&] { return fastest_read(read_speed); });
  return {compare(label(shape, bits, threads, "one row"), "GB/s", "read of the same memory", t,
                  bench_aim{bench_aim::of::ratio, bits == 8 ? 0.85 : 0.75, false})};
}

comparison bench_prefill(const decoder_shape& shape, int bits, std::int64_t rows, int threads) {
  const at::NoGradGuard no_grad;
  use_threads(threads);
  std::vector<model::quantised_weight> ours;
  std::vector<at::Tensor> theirs;
  for (const auto& [name, dims] : layer_matrices(shape.text)) {
    ours.push_back(random_matrix(dims[0], dims[1], bits));
    theirs.push_back(at::randn({dims[0], dims[1]}));
  }
  const at::Tensor wide = at::randn({rows, shape.text.intermediate_size});
  const at::Tensor narrow = at::randn({rows, shape.text.hidden_size});
  const auto input = [&](std::int64_t in) { return in == shape.text.hidden_size ? narrow : wide; };
  const turns t = in_turns(
      prefill_rounds,
      [&] {
        return static_cast<double>(rows) / seconds_of([&] {
                 for (const auto& w : ours) (void)model::quantised_linear(input(w.shape.in), w, {}, {}, {}, 0);
               });
      },
      [&] {
        return static_cast<double>(rows) / seconds_of([&] {
                 for (const at::Tensor& w : theirs) (void)at::linear(input(w.size(1)), w);
               });
      });
  return compare(label(shape, bits, threads, (std::to_string(rows) + " rows, one layer").c_str()), "tokens/s",
                 "at::linear, fp32", t, bench_aim{bench_aim::of::ratio, 1, false});
}

std::vector<comparison> bench_decode(const decoder_shape& shape, int threads,
                                     const std::function<void(const std::string&)>& progress) {
  use_threads(threads);
  progress(shape.name + " whole model: drawing fp32 weights");
  const model::parameters dense = random_parameters(shape.text, 0, 0);
  const model::decoder reference = decoder_over(shape.text, dense);
  std::vector<comparison> lines;
  for (const auto& [bits, head_bits] : std::vector<std::pair<int, int>>{{8, 8}, {4, 8}, {4, 4}}) {
    progress(label(shape, bits, threads, "whole model"));
    const model::parameters weights = random_parameters(shape.text, bits, head_bits);
    const model::decoder ours = decoder_over(shape.text, weights);
    const turns t = in_turns(
        decode_rounds, [&] { return decode(ours, prompt_tokens, decoded_tokens); },
        [&] { return decode(reference, prompt_tokens, decoded_tokens); });
    lines.push_back(compare(label(shape, bits, threads, ("head " + std::to_string(head_bits) + " bit, whole model").c_str()),
                            "tokens/s", "LibTorch, fp32", t, bench_aim{bench_aim::of::ratio, bits == 8 ? 2.5 : 4.0, false}));
  }
  return lines;
}

result<std::vector<comparison>> bench_memory(const decoder_shape& shape, int bits) {
  std::string folder = (std::filesystem::temp_directory_path() / "freshet-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return error{errc::io, "no temporary folder: " + folder};
  struct removal {
    std::string folder;
    ~removal() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  } const removed{folder};
  const auto written = in_child<int>([&]() -> result<int> {
    FRESHET_TRY(write_decoder(folder, shape.text, bits));
    return 0;
  });
  if (!written.ok()) return written.err();
  FRESHET_TRY_ASSIGN(const memory_figures m,
                     in_child<memory_figures>([&] { return load_and_decode(folder, shape.text, bits); }));
  const auto line = [&](const char* what, double bytes) {
    return comparison{shape.name + " " + std::to_string(bits) + " bit, " + what, "MB", bytes / 1e6, "weights and key-value cache",
                      m.wanted / 1e6, bytes / m.wanted, bench_aim{bench_aim::of::ratio, 1.2, true}};
  };
  return std::vector<comparison>{line("peak memory of the process", m.peak),
                                 line("peak memory beyond the bare process", m.peak - m.before)};
}

}  // namespace freshet::cli
