"""What only training needs: data, augmentation, the trainer, calibration, and the drawing of whole sheets with their truth."""
