#include "kernels/model/prompt.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

namespace freshet::model {
namespace {

error misfit(const std::string& what) { return {errc::shape_mismatch, "prompt: " + what}; }

std::string text_of(const at::Tensor& t) {
  std::string out = "[";
  for (std::int64_t i = 0; i < t.dim(); ++i) out += (i > 0 ? ", " : "") + std::to_string(t.size(i));
  return out + "]";
}

at::Tensor flat_rows(const at::Tensor& tokens) { return tokens.reshape({-1, tokens.size(-1)}); }

result<at::Tensor> llava_tokens(const multimodal& m, const at::Tensor& pixels) {
  const vision_config& v = *m.config().vision;
  if (pixels.dim() != 4 || pixels.size(1) != v.num_channels || pixels.size(2) != v.image_size ||
      pixels.size(3) != v.image_size) {
    const std::string side = std::to_string(v.image_size);
    return misfit("pixels " + text_of(pixels) + ", wants [pictures, " + std::to_string(v.num_channels) + ", " + side +
                  ", " + side + "]");
  }
  visual_input in;
  in.patches = to_patches(pixels, v.patch_size);
  return flat_rows(m.visual_tokens(in));
}

/// Where the patches of each cell, row by row and cell after cell, stand in a grid that is read row by row: i64 [rows · columns].
at::Tensor cell_order(std::int64_t rows, std::int64_t columns, std::int64_t merge) {
  return at::arange(rows * columns, at::kLong)
      .reshape({rows / merge, merge, columns / merge, merge})
      .permute({0, 2, 1, 3})
      .flatten();
}

result<at::Tensor> idefics3_tokens(const multimodal& m, const prompt_input& in) {
  const vision_config& v = *m.config().vision;
  const std::int64_t p = v.patch_size;
  if (in.pixels.dim() != 5 || in.pixels.size(2) != v.num_channels) {
    return misfit("pixels " + text_of(in.pixels) + ", wants [rows, pictures, " + std::to_string(v.num_channels) +
                  ", height, width]");
  }
  const std::int64_t rows = in.pixels.size(3) / p;
  const std::int64_t columns = in.pixels.size(4) / p;
  if (rows < 1 || columns < 1 || rows > v.grid() || columns > v.grid() || rows % v.merge != 0 || columns % v.merge != 0) {
    return misfit("pictures of " + std::to_string(rows) + " by " + std::to_string(columns) + " patches, wants at most " +
                  std::to_string(v.grid()) + " a side and multiples of " + std::to_string(v.merge));
  }
  // Pictures of zeros only fill rows up.
  const at::Tensor pixels = in.pixels.flatten(0, 1);
  const at::Tensor real = pixels.flatten(1).ne(0).any(1).nonzero().squeeze(1);
  at::Tensor mask = at::ones({pixels.size(0), pixels.size(2), pixels.size(3)}, at::kBool);
  if (in.pixel_mask.defined()) {
    mask = in.pixel_mask.flatten(0, 1).ne(0);
    if (mask.sizes() != at::IntArrayRef({pixels.size(0), pixels.size(2), pixels.size(3)})) {
      return misfit("pixel mask " + text_of(in.pixel_mask) + " for pixels " + text_of(in.pixels));
    }
  }
  // A patch is real where any of its pixels is.
  const at::Tensor patches = mask.narrow(1, 0, rows * p)
                                 .narrow(2, 0, columns * p)
                                 .reshape({-1, rows, p, columns, p})
                                 .permute({0, 1, 3, 2, 4})
                                 .flatten(3)
                                 .any(3)
                                 .index_select(0, real);
  visual_input visual;
  visual.patches = to_patches(pixels.index_select(0, real), p);
  visual.positions = spread_positions(patches, v.grid());
  if (!patches.all().item<bool>()) visual.valid = patches.flatten(1);
  const at::Tensor features = m.tower().features(visual, m.config().projector->vision_feature_layer);
  return flat_rows(m.to_tokens()(features.index_select(1, cell_order(rows, columns, v.merge))));
}

result<at::Tensor> qwen2_vl_tokens(const multimodal& m, const prompt_input& in) {
  const vision_config& v = *m.config().vision;
  const std::int64_t width = v.num_channels * v.temporal_patch * v.patch_size * v.patch_size;
  if (!in.grids.defined() || in.grids.dim() != 2 || in.grids.size(1) != 3) return misfit("wants grids [pictures, 3]");
  if (in.pixels.dim() != 2 || in.pixels.size(1) != width) {
    return misfit("pixels " + text_of(in.pixels) + ", wants [patches, " + std::to_string(width) + "]");
  }
  std::vector<at::Tensor> tokens;
  std::int64_t from = 0;
  for (std::int64_t i = 0; i < in.grids.size(0); ++i) {
    const auto frames = in.grids[i][0].item<std::int64_t>();
    const auto rows = in.grids[i][1].item<std::int64_t>();
    const auto columns = in.grids[i][2].item<std::int64_t>();
    if (frames < 1 || rows < 1 || columns < 1 || rows % v.merge != 0 || columns % v.merge != 0) {
      return misfit("a grid of " + std::to_string(rows) + " by " + std::to_string(columns) +
                    " patches, wants multiples of " + std::to_string(v.merge));
    }
    const std::int64_t k = rows * columns;
    if (frames > (in.pixels.size(0) - from) / k) return misfit("fewer patches than the grids say");
    grid_patches grid;
    // The processor gives patches cell after cell; frames do not see each other.
    grid.patches = in.pixels.narrow(0, from, frames * k).reshape({frames, k, width});
    const at::Tensor order = cell_order(rows, columns, v.merge).unsqueeze(0);
    grid.rows = order.div(columns, "floor");
    grid.columns = order.remainder(columns);
    tokens.push_back(flat_rows(m.to_tokens()(m.tower_of_grids().features(grid))));
    from += frames * k;
  }
  if (from != in.pixels.size(0)) return misfit("more patches than the grids say");
  return at::cat(tokens, 0);
}

/// Positions in three dimensions [3, B, T] (arXiv 2409.12191, 2.1): text counts on in all three, a picture's tokens
/// stand where they are, and text goes on behind the longest edge.
result<void> grid_positions(const multimodal& m, const prompt_input& in, const at::Tensor& valid, sequence& out) {
  const std::int64_t merge = m.config().vision->merge;
  const std::int64_t image = m.config().projector->image_token_id;
  const at::Tensor ids = in.ids.contiguous();
  const std::int64_t b = ids.size(0);
  const std::int64_t t = ids.size(1);
  out.positions = at::zeros({3, b, t}, at::kLong);
  out.next = at::zeros({b, 1}, at::kLong);
  const auto id = ids.accessor<std::int64_t, 2>();
  const auto real = valid.accessor<bool, 2>();
  auto position = out.positions.accessor<std::int64_t, 3>();
  std::int64_t picture = 0;
  for (std::int64_t row = 0; row < b; ++row) {
    std::int64_t next = 0;
    for (std::int64_t at = 0; at < t; ++at) {
      if (!real[row][at]) continue;
      if (id[row][at] != image) {
        for (std::int64_t d = 0; d < 3; ++d) position[d][row][at] = next;
        ++next;
        continue;
      }
      if (!in.grids.defined() || picture == in.grids.size(0)) return misfit("more pictures in the text than grids");
      const auto frames = in.grids[picture][0].item<std::int64_t>();
      const auto rows = in.grids[picture][1].item<std::int64_t>() / merge;
      const auto columns = in.grids[picture][2].item<std::int64_t>() / merge;
      ++picture;
      const std::int64_t tokens = frames * rows * columns;
      for (std::int64_t i = 0; i < tokens; ++i, ++at) {
        if (at == t || id[row][at] != image || !real[row][at]) {
          return misfit("a picture of " + std::to_string(tokens) + " tokens has " + std::to_string(i) + " placeholders");
        }
        position[0][row][at] = next + i / (rows * columns);
        position[1][row][at] = next + i / columns % rows;
        position[2][row][at] = next + i % columns;
      }
      --at;
      next += std::max({frames, rows, columns});
    }
    out.next[row][0] = next;
  }
  return {};
}

}  // namespace

result<at::Tensor> picture_tokens(const multimodal& model, const prompt_input& in) {
  if (!model.config().vision) return error{errc::unsupported, "prompt: pictures for a decoder alone"};
  switch (model.config().vision->kind) {
    case vision_kind::idefics3: return idefics3_tokens(model, in);
    case vision_kind::qwen2_vl: return qwen2_vl_tokens(model, in);
    case vision_kind::clip:
    case vision_kind::siglip: break;
  }
  return llava_tokens(model, in.pixels);
}

result<sequence> read_prompt(const multimodal& model, const prompt_input& in) {
  const model_config& c = model.config();
  if (in.ids.dim() != 2 || (in.mask.defined() && in.mask.sizes() != in.ids.sizes())) {
    return misfit("ids " + text_of(in.ids) + ", wants [rows, positions] and a mask like them");
  }
  if (in.ids.numel() == 0 || in.ids.lt(0).logical_or(in.ids.ge(c.text.vocab_size)).any().item<bool>()) {
    return misfit("ids must lie in 0 to " + std::to_string(c.text.vocab_size - 1));
  }
  sequence out;
  out.valid = in.mask.defined() ? in.mask.ne(0) : at::ones(in.ids.sizes(), at::kBool);
  out.embeds = model.text_decoder().embed(in.ids);
  if (in.pixels.defined()) {
    FRESHET_TRY_ASSIGN(const at::Tensor tokens, picture_tokens(model, in));
    const at::Tensor places = in.ids.eq(static_cast<std::int64_t>(c.projector->image_token_id));
    const auto count = places.sum().item<std::int64_t>();
    if (count != tokens.size(0)) {
      return misfit(std::to_string(count) + " placeholders for " + std::to_string(tokens.size(0)) + " visual tokens");
    }
    out.embeds = out.embeds.masked_scatter(places.unsqueeze(-1).expand_as(out.embeds), tokens);
  }
  if (!c.text.rope.mrope_section.empty() && c.vision) {
    FRESHET_TRY(grid_positions(model, in, out.valid, out));
    return out;
  }
  // Padding is not counted.
  const at::Tensor count = out.valid.to(at::kLong).cumsum(1);
  out.positions = (count - 1).clamp_min(0);
  out.next = count.narrow(1, in.ids.size(1) - 1, 1);
  return out;
}

}  // namespace freshet::model
