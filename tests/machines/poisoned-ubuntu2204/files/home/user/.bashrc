alias ll='ls -l'
export CUDA_HOME=/usr/local/cuda-11.8
export PATH=$CUDA_HOME/bin:$PATH
export LD_LIBRARY_PATH=/usr/local/cuda-11.8/lib64:/opt/cudnn-8.4/lib:/usr/local/cuda-11.8/lib64/stubs:$LD_LIBRARY_PATH
export PYTHONPATH=/opt/old/site-packages
export CUDA_VISIBLE_DEVICES=0
